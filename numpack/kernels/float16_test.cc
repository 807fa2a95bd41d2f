#include "numpack/kernels/float16.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"
#include "numpack/core/dtype.h"

namespace numpack {
namespace {

// The number that a finite half stands for, from its definition.
double ValueOf(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(0x400 + fraction, exponent - 25);
  return bits >> 15 != 0 ? -magnitude : magnitude;
}

TEST(Float16Test, EveryHalfThereAndBack) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const Float16 half = {static_cast<uint16_t>(i)};
    const float value = ToFloat32(half);
    if ((i & 0x7FFF) > 0x7C00) {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_EQ(ToFloat16(value).bits, i | 0x0200) << "the payload, made quiet";
      continue;
    }
    const double expected =
        (i & 0x7FFF) == 0x7C00
            ? std::copysign(std::numeric_limits<double>::infinity(), i >> 15 != 0 ? -1.0 : 1.0)
            : ValueOf(half.bits);
    ASSERT_EQ(value, expected) << i;
    ASSERT_EQ(std::signbit(value), i >> 15 != 0) << i;
    ASSERT_EQ(ToFloat16(value).bits, i);
  }
}

// Around the middle between each two neighbours.
TEST(Float16Test, RoundsToTheNearestAndThenToEven) {
  for (uint16_t below = 0; below < 0x7C00; ++below) {
    // Past the largest number the next one would be 2^16.
    const double above = below == 0x7BFF ? 65536.0 : ValueOf(static_cast<uint16_t>(below + 1));
    const auto middle = static_cast<float>((ValueOf(below) + above) / 2);
    const auto up = static_cast<uint16_t>(below + 1);
    const uint16_t even = below % 2 == 0 ? below : up;
    const float infinity = std::numeric_limits<float>::infinity();
    for (float sign : {1.0F, -1.0F}) {
      const uint16_t sign_bit = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(ToFloat16(sign * middle).bits, sign_bit | even) << below;
      ASSERT_EQ(ToFloat16(sign * std::nextafter(middle, 0.0F)).bits, sign_bit | below) << below;
      ASSERT_EQ(ToFloat16(sign * std::nextafter(middle, infinity)).bits, sign_bit | up) << below;
    }
  }
  EXPECT_EQ(ToFloat16(std::numeric_limits<float>::max()).bits, 0x7C00);
  EXPECT_EQ(ToFloat16(std::numeric_limits<float>::denorm_min()).bits, 0);
}

}  // namespace
}  // namespace numpack
