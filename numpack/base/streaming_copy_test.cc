#include "numpack/base/streaming_copy.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(StreamingCopy, CopiesEveryByteAndNoOther) {
  std::vector<uint8_t> from(400);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<uint8_t>(i * 7 + 1);
  for (size_t bytes = 0; bytes <= 200; ++bytes) {
    for (size_t shift = 0; shift < 64; shift += 9) {
      std::vector<uint8_t> to(400, 0xAA);
      StreamingCopy(to.data() + 1 + shift, from.data() + shift / 2, bytes);
      for (size_t i = 0; i < to.size(); ++i) {
        const bool copied = i >= 1 + shift && i < 1 + shift + bytes;
        ASSERT_EQ(to[i], copied ? from[shift / 2 + i - 1 - shift] : 0xAA)
            << bytes << " bytes, " << shift << " further, at " << i;
      }
    }
  }
}

TEST(StreamingCopy, IsForLargeBlocks) { EXPECT_GT(StreamingCopyBytes(), size_t{256} << 10); }

}  // namespace
}  // namespace numpack
