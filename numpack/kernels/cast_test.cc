#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/kernel_test_util.h"
#include "numpack/kernels/scalar_reference_for_test.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

// In long double, which holds all numbers of all these types.
template <typename T>
long double Value(T x) {
  if constexpr (std::is_same_v<T, Float16>) {
    return ToFloat32(x);
  } else if constexpr (std::is_same_v<T, BoolByte>) {
    return x.byte != 0 ? 1 : 0;
  } else {
    return x;
  }
}

// What a cast must give. `exceptions` are those that it must raise.
template <typename To, typename From>
To Cast(From x, int* exceptions) {
  const long double value = Value(x);
  if constexpr (std::is_same_v<To, BoolByte>) {
    return {static_cast<uint8_t>(value != 0 ? 1 : 0)};
  } else if constexpr (std::is_integral_v<To> && kHasFraction<From>) {
    const long double whole = std::trunc(value);
    const bool too_small = whole < static_cast<long double>(std::numeric_limits<To>::min());
    const bool too_large = whole > static_cast<long double>(std::numeric_limits<To>::max());
    if (too_small || too_large || std::isnan(value)) *exceptions |= FE_INVALID;
    if (std::isnan(value)) return 0;
    if (too_small) return std::numeric_limits<To>::min();
    if (too_large) return std::numeric_limits<To>::max();
    return static_cast<To>(whole);
  } else if constexpr (std::is_same_v<To, Float16>) {
    const Float16 half = ToFloat16(static_cast<float>(value));
    if (std::isinf(ToFloat32(half))) *exceptions |= FE_OVERFLOW;
    return half;
  } else if constexpr (std::is_same_v<From, BoolByte>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_integral_v<To>) {
    To result;  // of as many bits, in two's complement
    std::memcpy(&result, &x, sizeof(To));
    return result;
  } else {
    return static_cast<To>(x);
  }
}

// The special values, and those around the limits of the types.
template <typename From, typename To>
std::vector<From> ValuesToCast() {
  std::vector<From> values = SpecialValues<From>();
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    for (To limit : {std::numeric_limits<To>::min(), std::numeric_limits<To>::max(), To{0}}) {
      const auto at = static_cast<From>(limit);
      for (From x : {at, at - 1, at + 1, at - From{0.5}, at + From{0.5}, at - From{0.9},
                     std::nextafter(at, -std::numeric_limits<From>::infinity()),
                     std::nextafter(at, std::numeric_limits<From>::infinity())}) {
        values.push_back(x);
      }
    }
  } else if constexpr (std::is_same_v<From, Float16>) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      values.push_back({static_cast<uint16_t>(bits)});
    }
  } else if constexpr (std::is_integral_v<From> && sizeof(From) == 2) {
    for (int bits = 0; bits < 0x10000; ++bits) values.push_back(static_cast<From>(bits));
  }
  return values;
}

template <typename From, typename To>
void CheckPair() {
  const DType from = kDTypeForTest<From>;
  const DType to = kDTypeForTest<To>;
  SCOPED_TRACE(std::string(DTypeName(from)) + " to " + std::string(DTypeName(to)));
  const std::vector<From> values = ValuesToCast<From, To>();
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    SCOPED_TRACE(hwy::TargetName(target));
    const Kernel kernel = FindCast(from, to);
    ASSERT_NE(kernel, nullptr);
    for (size_t length : LengthsFor(sizeof(From))) {
      const std::vector<From> some = Pick(values, length, length % 7);
      GuardedArray<From> data(length % 5, some);
      kernel(data.data(), nullptr, length);
      ASSERT_TRUE(data.GuardsAreIntact()) << length;
      for (size_t i = 0; i < length; ++i) {
        int exceptions = 0;
        To result;
        std::memcpy(&result, data.data() + i * sizeof(To), sizeof(To));
        ASSERT_TRUE(SameBits(result, Cast<To>(some[i], &exceptions)))
            << Show(some[i]) << " became " << Show(result);
      }
    }
    for (From x : values) {
      int wanted = 0;
      To expected = Cast<To>(x, &wanted);
      From bytes = x;
      std::feclearexcept(FE_ALL_EXCEPT);
      kernel(reinterpret_cast<std::byte*>(&bytes), nullptr, 1);
      ASSERT_EQ(std::fetestexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW), wanted)
          << Show(x);
      ASSERT_EQ(std::memcmp(&bytes, &expected, sizeof(To)), 0) << Show(x);
    }
  }
  std::feclearexcept(FE_ALL_EXCEPT);
}

template <typename F, typename I, typename U>
void CheckGroup() {
  CheckPair<F, I>();
  CheckPair<F, U>();
  CheckPair<I, F>();
  CheckPair<U, F>();
  CheckPair<I, U>();
  CheckPair<U, I>();
}

TEST(CastTest, EightBits) {
  CheckPair<BoolByte, BoolByte>();
  CheckPair<BoolByte, uint8_t>();
  CheckPair<BoolByte, int8_t>();
  CheckPair<uint8_t, BoolByte>();
  CheckPair<int8_t, BoolByte>();
  CheckPair<int8_t, uint8_t>();
  CheckPair<uint8_t, int8_t>();
}
TEST(CastTest, SixteenBits) { CheckGroup<Float16, int16_t, uint16_t>(); }
TEST(CastTest, ThirtyTwoBits) { CheckGroup<float, int32_t, uint32_t>(); }
TEST(CastTest, SixtyFourBits) { CheckGroup<double, int64_t, uint64_t>(); }

TEST(CastTest, OnlyToTypesOfTheSameSizeAndNotOfComplexNumbers) {
  for (int from = 0; from < kDTypeCount; ++from) {
    for (int to = 0; to < kDTypeCount; ++to) {
      const auto a = static_cast<DType>(from);
      const auto b = static_cast<DType>(to);
      const bool complex =
          from >= static_cast<int>(DType::kComplex64) || to >= static_cast<int>(DType::kComplex64);
      EXPECT_EQ(FindCast(a, b) != nullptr, ItemSize(a) == ItemSize(b) && (!complex || from == to))
          << DTypeName(a) << " to " << DTypeName(b);
    }
  }
}

}  // namespace
}  // namespace numpack
