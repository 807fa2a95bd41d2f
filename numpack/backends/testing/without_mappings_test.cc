// The backend that does without mappings: it passes the conformance suite; and how it is found out
// that one has to.

#include "numpack/backends/without_mappings.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/conformance_suite.h"
#include "numpack/backends/testing/fault_injecting_backend.h"

namespace numpack {
namespace {

BackendFactory UnmappedFactory() {
  BackendFactory factory;
  factory.name = "UnmappedMemory";
  factory.make_new = [] { return WithoutMappings(NewMemoryBackend()); };
  factory.capabilities.foreign_files = true;
  return factory;
}

INSTANTIATE_TEST_SUITE_P(UnmappedMemory, BackendConformanceTest,
                         testing::Values(UnmappedFactory()));

// Whose mappings are memory of their own: what is stored there never reaches the file.
class PrivateFile final : public File {
 public:
  explicit PrivateFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}
  const std::string& description() const override { return inner_->description(); }
  absl::StatusOr<uint64_t> Size() override { return inner_->Size(); }
  absl::Status Reserve(uint64_t size) override { return inner_->Reserve(size); }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    return inner_->ReadAt(offset, to);
  }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    return inner_->WriteAt(offset, pieces);
  }
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t length, MapMode mode) override {
    const auto other = NewMemoryBackend()->Open("other", OpenMode::kCreate);
    const absl::Status status = (*other)->Reserve(length);
    if (!status.ok()) return status;
    return (*other)->Map(0, length, mode);
  }
  absl::Status Sync() override { return inner_->Sync(); }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    return inner_->Lock(offset, length, kind, max_wait);
  }
  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    return inner_->Unlock(offset, length);
  }

 private:
  const std::unique_ptr<File> inner_;
};

class PrivateBackend final : public Backend {
 public:
  BackendCapabilities capabilities() const override { return inner_->capabilities(); }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    absl::StatusOr<std::unique_ptr<File>> file = inner_->Open(name, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<PrivateFile>(*std::move(file));
  }
  absl::StatusOr<std::vector<std::string>> List() override { return inner_->List(); }
  absl::Status Remove(absl::string_view name) override { return inner_->Remove(name); }
  absl::Status SyncDirectory() override { return inner_->SyncDirectory(); }
  absl::Status CheckPresent() override { return inner_->CheckPresent(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return inner_->FreeSpace(); }
  std::string BootId() override { return inner_->BootId(); }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  const std::shared_ptr<Backend> inner_ = NewMemoryBackend();
};

class MappingsWorkTest : public testing::Test {
 protected:
  void FailMaps(absl::Status status) {
    backend_->Count(
        [](const BackendCall& call) { return call.operation == BackendOperation::kMap; });
    backend_->FailFrom(1, std::move(status));
  }
  std::vector<std::string> Names() { return backend_->List().value(); }

  const std::shared_ptr<FaultInjectingBackend> backend_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
};

TEST_F(MappingsWorkTest, TriesAndLeavesNothing) {
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true));
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/false)) << "there is nothing to map";
  EXPECT_TRUE(Names().empty());
  EXPECT_EQ(UnmappedUnlessItWorks(backend_, true), backend_);
}

TEST_F(MappingsWorkTest, NoticesThatNothingCanBeMapped) {
  FailMaps(absl::InternalError("no such device"));
  EXPECT_FALSE(MappingsWork(*backend_, /*may_write=*/true));
  EXPECT_TRUE(Names().empty());
  ASSERT_TRUE((*backend_->Open("a", OpenMode::kCreate))->Reserve(1).ok());
  EXPECT_FALSE(MappingsWork(*backend_, /*may_write=*/false));
  for (const bool may_write : {true, false}) {
    EXPECT_FALSE(UnmappedUnlessItWorks(backend_, may_write)->capabilities().mappings);
  }
}

TEST_F(MappingsWorkTest, NoticesMappingsThatShowOtherBytes) {
  PrivateBackend incoherent;
  EXPECT_FALSE(MappingsWork(incoherent, /*may_write=*/true));
  EXPECT_TRUE(incoherent.List()->empty());
}

TEST_F(MappingsWorkTest, OtherTroubleIsNotTheMappings) {
  FailMaps(absl::ResourceExhaustedError("no memory"));
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true));
  backend_->Count([](const BackendCall& call) { return ChangesTheStore(call); });
  for (const absl::Status& status :
       {absl::PermissionDeniedError("not yours"), absl::ResourceExhaustedError("full")}) {
    backend_->FailFrom(1, status);
    EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true)) << status;
  }
}

TEST_F(MappingsWorkTest, SharedMappingsAreNotTried) {
  BackendCapabilities capabilities = backend_->capabilities();
  capabilities.shared_mappings = true;
  backend_->OverrideCapabilities(capabilities);
  FailMaps(absl::InternalError("never called"));
  EXPECT_EQ(UnmappedUnlessItWorks(backend_, true), backend_);
  EXPECT_EQ(backend_->calls(), 0);
}

}  // namespace
}  // namespace numpack
