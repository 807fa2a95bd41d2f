// What the kernels must compute, one element at a time and in plain C++, and values to try it on.
#ifndef NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_
#define NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"

namespace numpack {

// An element of a bool array: any byte but 0 is true. (There is no array in std::vector<bool>.)
struct BoolByte {
  uint8_t byte;
};

template <typename T>
inline constexpr DType kDTypeForTest = DTypeOf<T>;
template <>
inline constexpr DType kDTypeForTest<BoolByte> = DType::kBool;

template <typename T>
inline constexpr bool kIsComplex =
    std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;
// Floating point in any form.
template <typename T>
inline constexpr bool kHasFraction =
    std::is_floating_point_v<T> || std::is_same_v<T, Float16> || kIsComplex<T>;

inline std::string Show(BoolByte value) { return absl::StrCat("byte ", value.byte); }
inline std::string Show(Float16 value) {
  return absl::StrCat(ToFloat32(value), " (", absl::Hex(value.bits), ")");
}
template <typename T>
std::string Show(T value) {
  if constexpr (kIsComplex<T>) {
    return absl::StrCat("(", value.real(), ", ", value.imag(), ")");
  } else {
    return absl::StrCat(+value);
  }
}

template <typename T>
bool SameBits(const T& a, const T& b) {
  // Signed zeros and NaNs included.
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// -- comparisons, the same for all types that have an order ---------------------------------------

// Without the exception that comparing NaN raises.
template <typename T>
bool IsNaN(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}
template <typename T>
bool IsLess(T x, T y) {
  return !IsNaN(x) && !IsNaN(y) && x < y;
}

// True when `operation` is one, with its result.
template <typename T>
bool ReferenceComparison(Operation operation, T x, T a, T b, T* result) {
  const bool less = IsLess(x, a);
  const bool greater = IsLess(a, x);
  const bool equal = !IsNaN(x) && !IsNaN(a) && x == a;
  switch (operation) {
    case Operation::kMinimum:
      *result = IsNaN(x) || IsLess(x, b) ? x : b;
      return true;
    case Operation::kMaximum:
      *result = IsNaN(x) || IsLess(b, x) ? x : b;
      return true;
    case Operation::kClip:
      *result = IsNaN(a) || less ? a : x;
      if (IsNaN(b) || IsLess(b, *result)) *result = b;
      return true;
    case Operation::kReplaceLess:
      *result = less ? b : x;
      return true;
    case Operation::kReplaceLessEqual:
      *result = less || equal ? b : x;
      return true;
    case Operation::kReplaceGreater:
      *result = greater ? b : x;
      return true;
    case Operation::kReplaceGreaterEqual:
      *result = greater || equal ? b : x;
      return true;
    case Operation::kReplaceEqual:
      *result = equal ? b : x;
      return true;
    case Operation::kReplaceNotEqual:
      *result = equal ? x : b;
      return true;
    default:
      return false;
  }
}

inline bool IsLogical(Operation operation) {
  return operation >= Operation::kLogicalAnd && operation <= Operation::kLogicalNot;
}
inline bool ReferenceLogic(Operation operation, bool x, bool b) {
  switch (operation) {
    case Operation::kLogicalAnd:
      return x && b;
    case Operation::kLogicalOr:
      return x || b;
    case Operation::kLogicalXor:
      return x != b;
    default:
      return !x;
  }
}

// x times itself; the factors are the powers whose exponents are the bits of n, the lowest first.
template <typename T>
T ReferencePower(T x, uint64_t n) {
  T result{1};
  for (; n != 0; n >>= 1) {
    if ((n & 1) != 0) result = static_cast<T>(result * x);
    if (n > 1) x = static_cast<T>(x * x);
  }
  return result;
}

// -- integers -------------------------------------------------------------------------------------

// Towards minus infinity. By zero: 0, and the exception.
template <typename T>
T ReferenceFloorDivide(T x, T b) {
  if (b == 0) {
    std::feraiseexcept(FE_DIVBYZERO);
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == -1 && x == std::numeric_limits<T>::min()) {
      std::feraiseexcept(FE_OVERFLOW);
      return x;
    }
  }
  const T quotient = static_cast<T>(x / b);
  return static_cast<T>(quotient - (x % b != 0 && (x < 0) != (b < 0) ? 1 : 0));
}

template <typename T>
T ReferenceRemainder(T x, T b) {
  if (b == 0) {
    std::feraiseexcept(FE_DIVBYZERO);
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  const T remainder = static_cast<T>(x % b);
  return static_cast<T>(remainder != 0 && (x < 0) != (b < 0) ? remainder + b : remainder);
}

// Wraps around; the conversion back to signed is modular on every compiler we use.
template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
T Reference(Operation operation, T x, T a, T b) {
  using Wide = uint64_t;
  const auto p = static_cast<Wide>(x);
  const auto q = static_cast<Wide>(b);
  const bool small = b >= 0 && q < sizeof(T) * 8;
  T result;
  if (ReferenceComparison(operation, x, a, b, &result)) return result;
  if (IsLogical(operation)) return ReferenceLogic(operation, x != 0, b != 0) ? T{1} : T{0};
  switch (operation) {
    case Operation::kAdd:
      return static_cast<T>(p + q);
    case Operation::kSubtract:
      return static_cast<T>(p - q);
    case Operation::kReverseSubtract:
      return static_cast<T>(q - p);
    case Operation::kMultiply:
      return static_cast<T>(p * q);
    case Operation::kMultiplyAdd:
      return static_cast<T>(p * static_cast<Wide>(a) + q);
    case Operation::kPower:
      return static_cast<T>(ReferencePower(p, q));
    case Operation::kNegate:
      return static_cast<T>(0 - p);
    case Operation::kAbs:
      return static_cast<T>(x < 0 ? 0 - p : p);
    case Operation::kSquare:
      return static_cast<T>(p * p);
    case Operation::kFill:
      return b;
    case Operation::kFloorDivide:
      return ReferenceFloorDivide(x, b);
    case Operation::kRemainder:
      return ReferenceRemainder(x, b);
    case Operation::kBitwiseAnd:
      return static_cast<T>(p & q);
    case Operation::kBitwiseOr:
      return static_cast<T>(p | q);
    case Operation::kBitwiseXor:
      return static_cast<T>(p ^ q);
    case Operation::kBitwiseNot:
      return static_cast<T>(~p);
    case Operation::kLeftShift:
      return static_cast<T>(small ? p << q : 0);
    case Operation::kRightShift:
      return static_cast<T>(small ? x >> q : x < 0 ? -1 : 0);
    default:
      return T{0};
  }
}

// -- floating point -------------------------------------------------------------------------------

// x // b and x % b of Python's float, with inf and NaN where it raises.
template <typename T>
T ReferenceDivMod(Operation operation, T x, T b) {
  const bool wants_quotient = operation == Operation::kFloorDivide;
  if (b == 0) return wants_quotient ? x / b : std::fmod(x, b);
  T remainder = std::fmod(x, b);
  const bool down = remainder != 0 && std::isless(b, T{0}) != std::isless(remainder, T{0});
  if (!wants_quotient) {
    if (remainder == 0) return std::copysign(T{0}, b);
    return down ? remainder + b : remainder;
  }
  const T quotient = (x - remainder) / b - (down ? 1 : 0);
  if (quotient == 0) return std::copysign(T{0}, x / b);
  const T floor = std::floor(quotient);
  return std::isgreater(quotient - floor, T{0.5}) ? floor + 1 : floor;
}

template <typename T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
T Reference(Operation operation, T x, T a, T b) {
  T result;
  if (ReferenceComparison(operation, x, a, b, &result)) return result;
  if (IsLogical(operation)) {
    const auto is_true = [](T value) { return std::isnan(value) || value != 0; };
    return ReferenceLogic(operation, is_true(x), is_true(b)) ? T{1} : T{0};
  }
  switch (operation) {
    case Operation::kAdd:
      return x + b;
    case Operation::kSubtract:
      return x - b;
    case Operation::kReverseSubtract:
      return b - x;
    case Operation::kMultiply:
      return x * b;
    case Operation::kDivide:
      return x / b;
    case Operation::kMultiplyAdd:
      return x * a + b;
    case Operation::kFusedMultiplyAdd:
      return std::fma(x, a, b);
    case Operation::kPower:
      return ReferencePower(x, static_cast<uint64_t>(b));
    case Operation::kNegate:
      return -x;
    case Operation::kAbs:
      return std::fabs(x);
    case Operation::kSquare:
      return x * x;
    case Operation::kSqrt:
      return std::sqrt(x);
    case Operation::kReciprocal:
      return 1 / x;
    case Operation::kFill:
      return b;
    case Operation::kFloorDivide:
    case Operation::kRemainder:
      return ReferenceDivMod(operation, x, b);
    default:
      return T{0};
  }
}

// Rounds, with the exceptions that NumPy raises for it.
inline Float16 RoundToHalf(float value) {
  const Float16 half = ToFloat16(value);
  const float rounded = ToFloat32(half);
  if (std::isinf(rounded) && !std::isinf(value)) std::feraiseexcept(FE_OVERFLOW);
  if (!std::isnan(value) && std::fabs(value) < 1.0F / (1 << 14) && rounded != value) {
    std::feraiseexcept(FE_UNDERFLOW);
  }
  return half;
}

inline Float16 Reference(Operation operation, Float16 x, Float16 a, Float16 b) {
  switch (operation) {
    case Operation::kMinimum:  // of equal zeros the first
    case Operation::kMaximum:
      if ((x.bits & 0x7FFF) == 0 && (b.bits & 0x7FFF) == 0) return x;
      return RoundToHalf(Reference(operation, ToFloat32(x), ToFloat32(a), ToFloat32(b)));
    case Operation::kFill:
      return b;
    case Operation::kNegate:
      return {static_cast<uint16_t>(x.bits ^ 0x8000)};
    case Operation::kAbs:
      return {static_cast<uint16_t>(x.bits & 0x7FFF)};
    case Operation::kMultiplyAdd:
      return RoundToHalf(ToFloat32(RoundToHalf(ToFloat32(x) * ToFloat32(a))) + ToFloat32(b));
    case Operation::kFloorDivide:
    case Operation::kRemainder:
      return ToFloat16(Reference(operation, ToFloat32(x), ToFloat32(a), ToFloat32(b)));
    default:
      return RoundToHalf(Reference(operation, ToFloat32(x), ToFloat32(a), ToFloat32(b)));
  }
}

// Volatile, or GCC subtracts and adds in both lanes of a vector, with the exceptions of both.
template <typename T>
std::complex<T> ReferenceComplexMultiply(std::complex<T> x, std::complex<T> b) {
  const volatile T real = x.real() * b.real() - x.imag() * b.imag();
  const volatile T imaginary = x.real() * b.imag() + x.imag() * b.real();
  return {real, imaginary};
}

// Smith's algorithm.
template <typename T>
std::complex<T> ReferenceComplexDivide(std::complex<T> x, std::complex<T> b) {
  const T real = std::fabs(b.real());
  const T imaginary = std::fabs(b.imag());
  if (real == 0 && imaginary == 0) return {x.real() / real, x.imag() / real};
  // NaN is the larger of two, as it is by its bits.
  if (std::isgreaterequal(real, imaginary) || std::isnan(real)) {
    const T ratio = b.imag() / b.real();
    const T scale = 1 / (b.real() + b.imag() * ratio);
    const volatile T sum = x.real() + x.imag() * ratio;  // volatile: as above
    const volatile T difference = x.imag() - x.real() * ratio;
    return {sum * scale, difference * scale};
  }
  const T ratio = b.real() / b.imag();
  const T scale = 1 / (b.imag() + b.real() * ratio);
  const volatile T sum = x.real() * ratio + x.imag();
  const volatile T difference = x.imag() * ratio - x.real();
  return {sum * scale, difference * scale};
}

template <typename T>
std::complex<T> Reference(Operation operation, std::complex<T> x, std::complex<T> a,
                          std::complex<T> b) {
  const auto by_parts = [&](Operation part) {
    return std::complex<T>{Reference(part, x.real(), T{0}, b.real()),
                           Reference(part, x.imag(), T{0}, b.imag())};
  };
  switch (operation) {
    case Operation::kMultiply:
      return ReferenceComplexMultiply(x, b);
    case Operation::kSquare:
      return ReferenceComplexMultiply(x, x);
    case Operation::kDivide:
      return ReferenceComplexDivide(x, b);
    case Operation::kMultiplyAdd: {
      const std::complex<T> product = ReferenceComplexMultiply(x, a);
      return {product.real() + b.real(), product.imag() + b.imag()};
    }
    default:
      return by_parts(operation);
  }
}

// -- bool -----------------------------------------------------------------------------------------

inline BoolByte Reference(Operation operation, BoolByte x, BoolByte /*a*/, BoolByte b) {
  const bool p = x.byte != 0;
  const bool q = b.byte != 0;
  const auto byte = [](bool value) { return BoolByte{static_cast<uint8_t>(value ? 1 : 0)}; };
  switch (operation) {
    case Operation::kAdd:
    case Operation::kMaximum:
    case Operation::kBitwiseOr:
      return byte(p || q);
    case Operation::kMultiply:
    case Operation::kMinimum:
    case Operation::kBitwiseAnd:
      return byte(p && q);
    case Operation::kBitwiseXor:
      return byte(p != q);
    case Operation::kBitwiseNot:
      return byte(!p);
    case Operation::kAbs:
      return byte(p);
    case Operation::kFill:
      return byte(q);
    default:
      return byte(ReferenceLogic(operation, p, q));
  }
}

// -- what counts as equal -------------------------------------------------------------------------

// Of a NaN, the payload counts when it can come from one operand only (operation.h).
template <typename T>
bool IsExpected(Operation operation, T x, T a, T b, T actual) {
  const T expected = Reference(operation, x, a, b);
  if (SameBits(expected, actual)) return true;
  if constexpr (std::is_same_v<T, Float16>) {
    return std::isnan(ToFloat32(expected)) && std::isnan(ToFloat32(actual));
  } else if constexpr (kIsComplex<T>) {
    const auto same = [](auto p, auto q) {
      return SameBits(p, q) || (std::isnan(p) && std::isnan(q));
    };
    return same(expected.real(), actual.real()) && same(expected.imag(), actual.imag());
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!std::isnan(expected) || !std::isnan(actual)) return false;
    switch (operation) {
      case Operation::kAdd:
      case Operation::kSubtract:
      case Operation::kReverseSubtract:
      case Operation::kMultiply:
      case Operation::kDivide:
        return std::isnan(x) && std::isnan(b);
      case Operation::kMultiplyAdd:
        return (std::isnan(x * a) && std::isnan(b)) || (std::isnan(x) && std::isnan(a));
      case Operation::kNegate:
      case Operation::kAbs:
      case Operation::kFill:
      case Operation::kMinimum:
      case Operation::kMaximum:
        return false;
      default:
        return true;
    }
  }
  return false;
}

// -- values ---------------------------------------------------------------------------------------

// On which arithmetic goes wrong when it does, and a few plain ones.
template <typename T>
std::vector<T> SpecialValues() {
  if constexpr (std::is_same_v<T, BoolByte>) {
    return {{0}, {1}, {0}, {1}, {2}, {0}, {255}};
  } else if constexpr (std::is_same_v<T, Float16>) {
    std::vector<T> values;
    for (uint16_t bits :
         {0x0000, 0x3C00, 0x4000, 0x4200, 0x4700, 0xBC00, 0x7BFF, 0x0400, 0xFBFF, 0x7800,
          0x8000, 0x2E66, 0xBC66, 0x3555, 0x7C00, 0xFC00, 0x7E00, 0xFE7B, 0x0001, 0x8001,
          0x0200, 0x03FF, 0x1400, 0x3C01, 0x3BFF, 0x6400, 0xE401, 0x7A00}) {
      values.push_back({bits});
    }
    return values;
  } else if constexpr (kIsComplex<T>) {
    using Part = typename T::value_type;
    const std::vector<Part> parts = SpecialValues<Part>();
    std::vector<T> values;
    for (size_t i = 0; i < 2 * parts.size(); ++i) {
      values.push_back({parts[i % parts.size()], parts[(i * 7 + 3) % parts.size()]});
    }
    values.push_back({0, 0});
    values.push_back({static_cast<Part>(-0.0), static_cast<Part>(-0.0)});
    values.push_back({3, 4});
    values.push_back({-4, 3});
    return values;
  } else {
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
                             static_cast<T>(Limits::lowest() / 3),
                             static_cast<T>(-3),
                             static_cast<T>(-7)};
    if constexpr (std::is_integral_v<T>) {
      for (int value : {sizeof(T) == 8 ? 10 : 5, static_cast<int>(sizeof(T) * 8) - 1,
                        static_cast<int>(sizeof(T) * 8), 100}) {
        values.push_back(static_cast<T>(value));
        values.push_back(static_cast<T>(Limits::max() / 2 - value));
        values.push_back(static_cast<T>(Limits::max() / 2 + 1 + value));
        values.push_back(static_cast<T>(Limits::max() - value));
      }
    } else {
      const T nan_with_payload = static_cast<T>(std::nan("123"));
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
}

// What may stand beside an element: for kPower the exponents that are allowed.
template <typename T>
std::vector<T> SpecialOperands(Operation operation) {
  if (operation != Operation::kPower) return SpecialValues<T>();
  std::vector<T> exponents;
  if constexpr (std::is_same_v<T, Float16>) {
    for (float n : {0, 1, 2, 3, 5, 10, 63, 64}) exponents.push_back(ToFloat16(n));
  } else if constexpr (std::is_arithmetic_v<T>) {
    for (int n : {0, 1, 2, 3, 5, 10, 63, 64}) exponents.push_back(static_cast<T>(n));
    if constexpr (std::is_integral_v<T>) exponents.push_back(std::numeric_limits<T>::max());
  }
  return exponents;
}

}  // namespace numpack

#endif  // NUMPACK_KERNELS_SCALAR_REFERENCE_FOR_TEST_H_
