#include "numpack/base/parallel_copy.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(ParallelCopy, CopiesEveryByteAndNoOther) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, (size_t{1} << 20) - 1,
                             size_t{1} << 20, (size_t{3} << 20) + 13, (size_t{21} << 20) + 7}) {
    std::vector<uint8_t> from(bytes);
    uint32_t state = 1;
    for (uint8_t& byte : from) byte = static_cast<uint8_t>((state = state * 1664525 + 13) >> 24);
    std::vector<uint8_t> to(bytes + 2, 0xAA);
    ParallelCopy(to.data() + 1, from.data(), bytes);
    EXPECT_EQ(to.front(), 0xAA);
    EXPECT_EQ(to.back(), 0xAA);
    EXPECT_TRUE(bytes == 0 || std::memcmp(to.data() + 1, from.data(), bytes) == 0) << bytes;
  }
}

}  // namespace
}  // namespace numpack
