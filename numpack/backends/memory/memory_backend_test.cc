#include "numpack/backends/memory/memory_backend.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"

namespace numpack {
namespace {

std::shared_ptr<Backend> WithCapacity(uint64_t capacity) {
  MemoryBackendOptions options;
  options.capacity = capacity;
  return NewMemoryBackend(options);
}

std::unique_ptr<File> OpenFile(Backend& backend, absl::string_view name) {
  absl::StatusOr<std::unique_ptr<File>> file = backend.Open(name, OpenMode::kCreate);
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

TEST(MemoryBackendTest, FilesShareTheCapacity) {
  const std::shared_ptr<Backend> backend = WithCapacity(1000);
  const std::unique_ptr<File> a = OpenFile(*backend, "a");
  const std::unique_ptr<File> b = OpenFile(*backend, "b");
  EXPECT_EQ(*backend->FreeSpace(), 1000u);
  ASSERT_TRUE(a->Reserve(600).ok());
  EXPECT_EQ(*backend->FreeSpace(), 400u);
  EXPECT_EQ(b->Reserve(401).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(b->WriteAt(0, std::vector<std::byte>(401)).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(b->Truncate(401).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*b->Size(), 0u) << "nothing was written of what does not fit";
  EXPECT_TRUE(b->Reserve(400).ok());
  EXPECT_TRUE(a->Truncate(100).ok());
  EXPECT_TRUE(b->Reserve(900).ok());
  EXPECT_EQ(*backend->FreeSpace(), 0u);
}

TEST(MemoryBackendTest, RemovedFilesGiveTheirSpaceBackWhenNobodyHoldsThem) {
  const std::shared_ptr<Backend> backend = WithCapacity(1000);
  std::unique_ptr<File> file = OpenFile(*backend, "a");
  ASSERT_TRUE(file->Reserve(1000).ok());
  absl::StatusOr<MappedRegion> region = file->Map(0, 10, MapMode::kReadWrite);
  ASSERT_TRUE(region.ok());
  ASSERT_TRUE(backend->Remove("a").ok());
  file.reset();
  EXPECT_EQ(*backend->FreeSpace(), 0u) << "still mapped";
  *region = MappedRegion();
  EXPECT_EQ(*backend->FreeSpace(), 1000u);
}

TEST(MemoryBackendTest, ErrorsNameTheFileAndTheReason) {
  const std::shared_ptr<Backend> backend = WithCapacity(10);
  const absl::Status status = OpenFile(*backend, "a")->Reserve(8 + 3);
  EXPECT_TRUE(absl::StrContains(status.message(), "memory/a")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "11")) << status;
}

TEST(MemoryBackendTest, LargestFileIsALimitOfItsOwn) {
  MemoryBackendOptions options;
  options.max_file_size = 100'000;
  const std::shared_ptr<Backend> backend = NewMemoryBackend(options);
  const std::unique_ptr<File> file = OpenFile(*backend, "a");
  EXPECT_TRUE(file->Reserve(100'000).ok());
  EXPECT_EQ(file->Reserve(100'001).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(OpenFile(*backend, "b")->Reserve(100'000).ok());
}

TEST(MemoryBackendTest, MappingsOfOneByteAreTheSameAddress) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  const std::unique_ptr<File> file = OpenFile(*backend, "a");
  ASSERT_TRUE(file->Reserve(100).ok());
  const absl::StatusOr<MappedRegion> early = file->Map(0, 100, MapMode::kReadWrite);
  ASSERT_TRUE(file->Reserve(50'000'000).ok());
  const absl::StatusOr<MappedRegion> late = file->Map(50, 49'000'000, MapMode::kReadWrite);
  ASSERT_TRUE(early.ok() && late.ok());
  EXPECT_EQ(early->data() + 50, late->data());
}

TEST(MemoryBackendTest, ManyFilesCostAddressesOnly) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(OpenFile(*backend, std::to_string(i))->Reserve(1).ok()) << i;
  }
}

}  // namespace
}  // namespace numpack
