#include "numpack/base/checked_math.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "gtest/gtest.h"

namespace numpack {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

static_assert(CheckedAdd(1, 2) == 3, "usable in constant expressions");

TEST(CheckedMathTest, AddsUpToTheLimit) {
  EXPECT_EQ(CheckedAdd(0, 0), 0u);
  EXPECT_EQ(CheckedAdd(kMax, 0), kMax);
  EXPECT_EQ(CheckedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(CheckedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd(1, kMax), std::nullopt);
  EXPECT_EQ(CheckedAdd(kMax, kMax), std::nullopt);
}

TEST(CheckedMathTest, MultipliesUpToTheLimit) {
  constexpr uint64_t kHalf = uint64_t{1} << 32;
  EXPECT_EQ(CheckedMultiply(0, kMax), 0u);
  EXPECT_EQ(CheckedMultiply(kMax, 0), 0u);
  EXPECT_EQ(CheckedMultiply(kMax, 1), kMax);
  EXPECT_EQ(CheckedMultiply(kHalf - 1, kHalf + 1), kMax);
  EXPECT_EQ(CheckedMultiply(kHalf, kHalf), std::nullopt);
  EXPECT_EQ(CheckedMultiply(kMax / 2 + 1, 2), std::nullopt);
}

TEST(CheckedMathTest, RoundsUpToTheLimit) {
  EXPECT_EQ(CheckedRoundUp(0, 4096), 0u);
  EXPECT_EQ(CheckedRoundUp(1, 4096), 4096u);
  EXPECT_EQ(CheckedRoundUp(4096, 4096), 4096u);
  EXPECT_EQ(CheckedRoundUp(4097, 4096), 8192u);
  EXPECT_EQ(CheckedRoundUp(kMax, 1), kMax);
  EXPECT_EQ(CheckedRoundUp(kMax - 4095, 4096), kMax - 4095);
  EXPECT_EQ(CheckedRoundUp(kMax - 4094, 4096), std::nullopt);
}

}  // namespace
}  // namespace numpack
