#include "numpack/backends/testing/conformance_suite.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"

namespace numpack {

void BackendConformanceTest::SetUp() {
  backend_ = GetParam().make_new();
  ASSERT_NE(backend_, nullptr);
}

// Never null, so that tests can go on: after a failure it is some other, fresh file.
std::unique_ptr<File> BackendConformanceTest::OpenFile(absl::string_view name, OpenMode mode) {
  return FileOr(backend_->Open(name, mode));
}

std::unique_ptr<File> BackendConformanceTest::OpenForeign(absl::string_view name, OpenMode mode) {
  return FileOr(backend_->OpenForeign(name, mode));
}

std::unique_ptr<File> BackendConformanceTest::FileOr(absl::StatusOr<std::unique_ptr<File>> file) {
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *std::move(file) : *backend_->Open("instead", OpenMode::kCreate);
}

std::unique_ptr<File> BackendConformanceTest::Create(absl::string_view name,
                                                     absl::string_view contents) {
  std::unique_ptr<File> file = OpenFile(name, OpenMode::kCreateNew);
  Write(*file, 0, contents);
  return file;
}

void BackendConformanceTest::Write(File& file, uint64_t offset, absl::string_view bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  const absl::Status status = file.WriteAt(offset, absl::MakeConstSpan(data, bytes.size()));
  EXPECT_TRUE(status.ok()) << status;
}

std::string BackendConformanceTest::Read(File& file, uint64_t offset, size_t length) {
  std::string bytes(length, '?');
  auto* data = reinterpret_cast<std::byte*>(&bytes[0]);
  const absl::Status status = file.ReadAt(offset, absl::MakeSpan(data, length));
  EXPECT_TRUE(status.ok()) << status;
  return bytes;
}

std::string BackendConformanceTest::ReadAll(File& file) {
  const absl::StatusOr<uint64_t> size = file.Size();
  EXPECT_TRUE(size.ok()) << size.status();
  return Read(file, 0, static_cast<size_t>(size.value_or(0)));
}

MappedRegion BackendConformanceTest::Map(File& file, uint64_t offset, uint64_t length,
                                         MapMode mode) {
  absl::StatusOr<MappedRegion> region = file.Map(offset, length, mode);
  EXPECT_TRUE(region.ok()) << region.status();
  if (!region.ok()) return MappedRegion();
  EXPECT_EQ(region->size(), length);
  return *std::move(region);
}

std::string BackendConformanceTest::Text(const MappedRegion& region) {
  return std::string(reinterpret_cast<const char*>(region.data()), region.size());
}

void BackendConformanceTest::Store(MappedRegion& region, size_t offset, absl::string_view bytes) {
  ASSERT_LE(offset + bytes.size(), region.size());
  std::memcpy(region.data() + offset, bytes.data(), bytes.size());
}

std::string BackendConformanceTest::Pattern(size_t length) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(i % 251 + i / 4096);
  return bytes;
}

}  // namespace numpack
