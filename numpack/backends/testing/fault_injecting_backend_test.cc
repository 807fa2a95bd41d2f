#include "numpack/backends/testing/fault_injecting_backend.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"

namespace numpack {
namespace {

class FaultInjectingBackendTest : public testing::Test {
 protected:
  std::unique_ptr<File> Create(absl::string_view name) {
    auto file = faulty_->Open(name, OpenMode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  // Every call of the interface once; the codes of those that can fail.
  std::vector<absl::Status> CallEverything(File& file, MappedRegion& region) {
    std::vector<std::byte> bytes(4);
    return {faulty_->Open("b", OpenMode::kCreate).status(),
            faulty_->List().status(),
            faulty_->SyncDirectory(),
            faulty_->CheckPresent(),
            faulty_->FreeSpace().status(),
            faulty_->Rename("b", "B"),
            faulty_->OpenForeign("B", OpenMode::kReadWrite).status(),
            faulty_->Rename("B", "b"),
            faulty_->Remove("b"),
            file.Size().status(),
            file.Reserve(16),
            file.Truncate(16),
            file.WriteAt(0, bytes),
            file.ReadAt(0, absl::MakeSpan(bytes)),
            file.Map(0, 4, MapMode::kReadOnly).status(),
            file.Sync(),
            file.Lock(0, 1, LockKind::kShared, absl::ZeroDuration()),
            file.Unlock(0, 1),
            region.Flush(),
            region.PrefaultForWriting(0, 1)};
  }

  const absl::Status fault_ = absl::DataLossError("injected");
  const std::shared_ptr<FaultInjectingBackend> faulty_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
};

TEST_F(FaultInjectingBackendTest, HandsEverythingOnWhenHealthy) {
  const std::unique_ptr<File> file = Create("a");
  ASSERT_TRUE(file->Reserve(16).ok());
  auto region = file->Map(0, 16, MapMode::kReadWrite);
  ASSERT_TRUE(region.ok());
  for (const absl::Status& status : CallEverything(*file, *region))
    EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(faulty_->faults(), 0);
  EXPECT_EQ(file->description(), "memory/a");
}

TEST_F(FaultInjectingBackendTest, EachCallCanBeTheOneThatFails) {
  const std::unique_ptr<File> file = Create("a");
  ASSERT_TRUE(file->Reserve(16).ok());
  auto region = file->Map(0, 16, MapMode::kReadWrite);
  ASSERT_TRUE(region.ok());
  const size_t total = CallEverything(*file, *region).size();
  for (size_t n = 1; n <= total; ++n) {
    faulty_->FailAt(static_cast<int64_t>(n), fault_);
    EXPECT_EQ(CallEverything(*file, *region)[n - 1], fault_) << n;
    EXPECT_EQ(faulty_->faults(), 1);
    EXPECT_EQ(faulty_->calls(), static_cast<int64_t>(total));
    file->Unlock(0, 1).IgnoreError();
  }
}

TEST_F(FaultInjectingBackendTest, FailFromGoesOnUntilHealed) {
  faulty_->FailFrom(2, fault_);
  EXPECT_TRUE(faulty_->SyncDirectory().ok());
  EXPECT_EQ(faulty_->SyncDirectory(), fault_);
  EXPECT_EQ(faulty_->SyncDirectory(), fault_);
  EXPECT_EQ(faulty_->faults(), 2);
  faulty_->Heal();
  EXPECT_TRUE(faulty_->SyncDirectory().ok());
  EXPECT_EQ(faulty_->calls(), 1);
}

TEST_F(FaultInjectingBackendTest, CountsOnlyWhatThePredicateNames) {
  faulty_->Count([](const BackendCall& call) { return ChangesTheStore(call) && call.file == "a"; });
  faulty_->FailFrom(1, fault_);
  const std::unique_ptr<File> a = Create("a");
  const std::unique_ptr<File> b = Create("b");
  EXPECT_TRUE(b->Reserve(1).ok());
  EXPECT_TRUE(a->Size().ok());
  EXPECT_EQ(a->Reserve(1), fault_);
  EXPECT_EQ(faulty_->calls(), 1);
}

TEST_F(FaultInjectingBackendTest, ShortWriteStoresHalf) {
  const std::unique_ptr<File> file = Create("a");
  const std::vector<std::byte> ones(3, std::byte{1});
  const std::vector<std::byte> twos(5, std::byte{2});
  const std::vector<absl::Span<const std::byte>> pieces = {ones, twos};
  faulty_->FailAt(1, fault_, FaultKind::kShortWrite);
  EXPECT_EQ(file->WriteAt(0, absl::MakeConstSpan(pieces)), fault_);
  std::vector<std::byte> got(4);
  EXPECT_EQ(*file->Size(), 4u);
  ASSERT_TRUE(file->ReadAt(0, absl::MakeSpan(got)).ok());
  EXPECT_EQ(got, (std::vector<std::byte>{std::byte{1}, std::byte{1}, std::byte{1}, std::byte{2}}));
}

TEST_F(FaultInjectingBackendTest, FilesOutliveIt) {
  auto own = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
  auto file = own->Open("a", OpenMode::kCreate);
  ASSERT_TRUE(file.ok());
  own->FailFrom(1, fault_);
  own.reset();
  EXPECT_EQ((*file)->Sync(), fault_);
}

TEST_F(FaultInjectingBackendTest, CountsWhatIsOpen) {
  EXPECT_EQ(faulty_->open_files(), 0);
  {
    const std::unique_ptr<File> file = Create("a");
    ASSERT_TRUE(file->Reserve(16).ok());
    const auto region = file->Map(0, 16, MapMode::kReadOnly);
    ASSERT_TRUE(region.ok());
    EXPECT_EQ(faulty_->open_files(), 1);
    EXPECT_EQ(faulty_->open_regions(), 1);
    faulty_->FailFrom(1, fault_);
    EXPECT_FALSE(file->Map(0, 16, MapMode::kReadOnly).ok());
    EXPECT_FALSE(faulty_->Open("b", OpenMode::kCreate).ok());
  }
  EXPECT_EQ(faulty_->open_files(), 0);
  EXPECT_EQ(faulty_->open_regions(), 0);
  const std::vector<BackendCall> failed = faulty_->failed_calls();
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].operation, BackendOperation::kMap);
  EXPECT_EQ(failed[1].file, "b");
}

TEST_F(FaultInjectingBackendTest, CapabilitiesCanBeTakenAway) {
  EXPECT_TRUE(faulty_->capabilities().mappings);
  faulty_->OverrideCapabilities(BackendCapabilities{});
  EXPECT_FALSE(faulty_->capabilities().mappings);
}

}  // namespace
}  // namespace numpack
