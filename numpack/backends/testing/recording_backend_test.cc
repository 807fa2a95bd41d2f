#include "numpack/backends/testing/recording_backend.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"

namespace numpack {
namespace {

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

class RecordingBackendTest : public testing::Test {
 protected:
  std::vector<std::string> Said() const {
    std::vector<std::string> said;
    for (const RecordedCall& call : backend_.calls()) said.push_back(Describe(call));
    return said;
  }
  std::unique_ptr<File> Open(absl::string_view name, OpenMode mode) {
    absl::StatusOr<std::unique_ptr<File>> file = backend_.Open(name, mode);
    EXPECT_EQ(file.status(), absl::OkStatus());
    return *std::move(file);
  }

  const std::shared_ptr<Backend> inner_ = NewMemoryBackend();
  RecordingBackend backend_{inner_, "boot"};
};

TEST_F(RecordingBackendTest, WritesDownWhatChangesTheDirectoryAndItsFiles) {
  ASSERT_TRUE(inner_->Open("old", OpenMode::kCreateNew).ok());
  {
    const std::unique_ptr<File> file = Open("a", OpenMode::kCreate);
    EXPECT_EQ(file->Reserve(100), absl::OkStatus());
    EXPECT_EQ(file->WriteAt(10, {AsBytes("bytes"), AsBytes(" in pieces")}), absl::OkStatus());
    EXPECT_EQ(file->Truncate(50), absl::OkStatus());
    EXPECT_EQ(file->Sync(), absl::OkStatus());
    EXPECT_EQ(file->ReadAt(1000, {}), absl::OkStatus());
  }
  Open("a", OpenMode::kCreate);
  EXPECT_EQ(backend_.Open("a", OpenMode::kCreateNew).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Open("old", OpenMode::kReadWrite)->Sync(), absl::OkStatus());
  EXPECT_EQ(backend_.Rename("a", "b"), absl::OkStatus());
  EXPECT_EQ(backend_.Remove("old"), absl::OkStatus());
  EXPECT_EQ(backend_.SyncDirectory(), absl::OkStatus());
  EXPECT_EQ(Said(),
            (std::vector<std::string>{"create a", "reserve a 100", "write a [10, 25)",
                                      "truncate a 50", "sync a", "find old", "sync old",
                                      "rename a to b", "remove old", "sync the directory"}));
  EXPECT_EQ(backend_.calls()[2].bytes, "bytes in pieces");
}

TEST_F(RecordingBackendTest, AFileKeepsItsNumberWhenItIsRenamedAndANewOneGetsAnother) {
  const std::unique_ptr<File> file = Open("a", OpenMode::kCreateNew);
  ASSERT_EQ(backend_.Rename("a", "b"), absl::OkStatus());
  ASSERT_EQ(file->Sync(), absl::OkStatus());
  ASSERT_EQ(Open("b", OpenMode::kReadWrite)->Sync(), absl::OkStatus());
  ASSERT_EQ(Open("a", OpenMode::kCreateNew)->Sync(), absl::OkStatus());
  const std::vector<RecordedCall> calls = backend_.calls();
  ASSERT_EQ(calls.size(), 6u);
  EXPECT_EQ(calls[2].file, calls[0].file);
  EXPECT_EQ(calls[3].file, calls[0].file);
  EXPECT_NE(calls[5].file, calls[0].file);
}

TEST_F(RecordingBackendTest, StoresThroughMappingsAreFoundBeforeTheNextCall) {
  const std::unique_ptr<File> file = Open("a", OpenMode::kCreateNew);
  ASSERT_EQ(file->Reserve(2000), absl::OkStatus());
  absl::StatusOr<MappedRegion> region = file->Map(300, 1700, MapMode::kReadWrite);
  ASSERT_TRUE(region.ok());
  region->data()[1] = std::byte{'x'};
  region->data()[3] = std::byte{'y'};
  ASSERT_EQ(file->Sync(), absl::OkStatus());
  region->data()[1000] = std::byte{'z'};
  ASSERT_EQ(region->Flush(), absl::OkStatus());
  region->data()[1] = std::byte{'w'};
  *region = MappedRegion();
  EXPECT_EQ(Said(),
            (std::vector<std::string>{"create a", "reserve a 2000", "write a [301, 304)", "sync a",
                                      "write a [1300, 1301)", "write a [301, 302)"}));
  EXPECT_EQ(backend_.calls()[2].bytes, absl::string_view("x\0y", 3));
}

TEST_F(RecordingBackendTest, CallsOfAHookAreRecordedBeforeTheCallItIsAbout) {
  const std::unique_ptr<File> file = Open("a", OpenMode::kCreateNew);
  int hooks = 0;
  backend_.SetHook([&](const RecordedCall& call) {
    ++hooks;
    EXPECT_EQ(Describe(call), "sync a");
    EXPECT_EQ(backend_.SyncDirectory(), absl::OkStatus());
  });
  ASSERT_EQ(file->Sync(), absl::OkStatus());
  backend_.SetHook(nullptr);
  ASSERT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(hooks, 1);
  EXPECT_EQ(Said(),
            (std::vector<std::string>{"create a", "sync the directory", "sync a", "sync a"}));
}

}  // namespace
}  // namespace numpack
