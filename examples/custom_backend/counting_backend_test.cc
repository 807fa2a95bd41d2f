// The contract, by NumPack's own suite, and what is this backend's own: that it counts.

#include "examples/custom_backend/counting_backend.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

BackendFactory CountingFactory() {
  BackendFactory factory;
  factory.name = "Counting";
  factory.make_new = [] { return std::make_shared<example::CountingBackend>(); };
  return factory;  // whose capabilities are none, as the backend's
}

INSTANTIATE_TEST_SUITE_P(Counting, BackendConformanceTest, testing::Values(CountingFactory()));

}  // namespace
}  // namespace numpack

namespace example {
namespace {

TEST(CountingBackendTest, CountsCallsAndBytes) {
  CountingBackend backend;
  absl::StatusOr<std::unique_ptr<numpack::File>> opened =
      backend.Open("a", numpack::OpenMode::kCreate);
  ASSERT_TRUE(opened.ok()) << opened.status();
  numpack::File& file = **opened;
  const std::vector<std::byte> from(100);
  const absl::Span<const std::byte> pieces[] = {
      absl::MakeConstSpan(from), {}, absl::MakeConstSpan(from).first(7)};
  ASSERT_TRUE(file.WriteAt(50, pieces).ok());
  std::vector<std::byte> to(30);
  ASSERT_TRUE(file.ReadAt(0, absl::MakeSpan(to)).ok());
  ASSERT_TRUE(file.ReadAt(10, absl::MakeSpan(to)).ok());
  const Counts counts = backend.counts();
  EXPECT_EQ(counts.opens, 1u);
  EXPECT_EQ(counts.writes, 1u);
  EXPECT_EQ(counts.bytes_written, 107u);
  EXPECT_EQ(counts.reads, 2u);
  EXPECT_EQ(counts.bytes_read, 60u);
}

TEST(CountingBackendTest, FilesShareTheSpace) {
  CountingBackend backend;
  const uint64_t all = backend.FreeSpace().value();
  const auto a = backend.Open("a", numpack::OpenMode::kCreate).value();
  const auto b = backend.Open("b", numpack::OpenMode::kCreate).value();
  ASSERT_TRUE(a->Reserve(1000).ok());
  EXPECT_EQ(backend.FreeSpace().value(), all - 1000);
  EXPECT_EQ(b->Reserve(all - 999).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(b->Size().value(), 0u);
}

}  // namespace
}  // namespace example
