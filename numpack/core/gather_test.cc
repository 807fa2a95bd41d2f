#include "numpack/core/gather.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace numpack {
namespace {

std::vector<std::byte> Bytes(size_t count) {
  std::vector<std::byte> bytes(count);
  uint32_t state = 7;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((state = state * 1664525 + 13) >> 24);
  return bytes;
}

// Rows of every length that has a loop of its own, and of those around.
TEST(GatherRows, CopiesTheRowsAndNoOtherByte) {
  std::mt19937_64 random(1);
  for (const size_t row_bytes : {1,  2,  3,  4,  5,  7,  8,  9,   12,  15,  16,  17,  24,
                                 31, 32, 33, 40, 63, 64, 65, 100, 300, 511, 512, 513, 5000}) {
    const size_t count = 60'000 / row_bytes + 1;
    const std::vector<std::byte> from = Bytes(count * row_bytes);
    for (const size_t picked : {size_t{0}, size_t{1}, size_t{2}, size_t{23}, size_t{24}, size_t{25},
                                size_t{100}, size_t{9000}}) {
      std::vector<int64_t> rows(picked);
      for (int64_t& row : rows) row = static_cast<int64_t>(random() % count);
      std::vector<std::byte> to(picked * row_bytes + 2, std::byte{0xAA});
      GatherRows(from.data(), row_bytes, rows, to.data() + 1);
      for (size_t i = 0; i < picked; ++i) {
        ASSERT_EQ(std::memcmp(to.data() + 1 + i * row_bytes,
                              from.data() + static_cast<size_t>(rows[i]) * row_bytes, row_bytes),
                  0)
            << "row " << i << " of " << picked << ", " << row_bytes << " bytes";
      }
      EXPECT_EQ(to.front(), std::byte{0xAA});
      EXPECT_EQ(to.back(), std::byte{0xAA});
    }
  }
}

TEST(GatherRows, RowsWithoutBytes) { GatherRows(nullptr, 0, {0, 1, 2}, nullptr); }

}  // namespace
}  // namespace numpack
