// What the kernels must compute, one element at a time and in plain C++.
#ifndef NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_
#define NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "numpack/kernels/operation.h"

namespace numpack {

// One arithmetic sign. Integers wrap around; the conversion back to signed is modular on every
// compiler we use.
template <typename T>
T ReferenceArithmetic(Operation operation, T x, T b) {
  using Lane = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>,
                                           std::common_type<T>>::type;
  const Lane p = static_cast<Lane>(x);
  const Lane q = static_cast<Lane>(b);
  switch (operation) {
    case Operation::kAdd:
      return static_cast<T>(p + q);
    case Operation::kSubtract:
      return static_cast<T>(p - q);
    case Operation::kMultiply:
      return static_cast<T>(p * q);
    default:
      return static_cast<T>(p / q);  // kDivide
  }
}

// `a` is for kMultiplyAdd only.
template <typename T>
T Reference(Operation operation, T x, T a, T b) {
  if (operation != Operation::kMultiplyAdd) return ReferenceArithmetic(operation, x, b);
  return ReferenceArithmetic(Operation::kAdd, ReferenceArithmetic(Operation::kMultiply, x, a), b);
}

// Equal bits; any NaN will do where two NaNs met (operation.h).
template <typename T>
bool IsExpected(Operation operation, T x, T a, T b, T actual) {
  const T expected = Reference(operation, x, a, b);
  // Bit for bit, signed zeros and NaNs included.
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
  if (std::memcmp(&expected, &actual, sizeof(T)) == 0) return true;
  if constexpr (std::is_floating_point_v<T>) {
    const bool fused = operation == Operation::kMultiplyAdd;
    const bool left_is_nan = std::isnan(fused ? x * a : x);
    const bool two_nans =
        (left_is_nan && std::isnan(b)) || (fused && std::isnan(x) && std::isnan(a));
    return two_nans && std::isnan(actual);
  }
  return false;
}

// Values on which arithmetic goes wrong when it does, and a few plain ones.
template <typename T>
std::vector<T> SpecialValues() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {T{0},
                           T{1},
                           T{2},
                           T{3},
                           T{7},
                           static_cast<T>(-1),
                           Limits::max(),
                           Limits::min(),
                           Limits::lowest(),
                           static_cast<T>(Limits::max() / 2),
                           static_cast<T>(Limits::lowest() / 3)};
  if constexpr (std::is_floating_point_v<T>) {
    const T nan_with_payload = std::nan("123");
    for (T value :
         {static_cast<T>(-0.0), static_cast<T>(0.1), static_cast<T>(-1.1), static_cast<T>(1) / 3,
          Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), -nan_with_payload,
          Limits::denorm_min(), -Limits::denorm_min(), Limits::min() / 2, Limits::epsilon(),
          1 + Limits::epsilon(), 1 - Limits::epsilon(), static_cast<T>(1e30),
          static_cast<T>(1e-30)}) {
      values.push_back(value);
    }
  }
  return values;
}

}  // namespace numpack

#endif  // NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_
