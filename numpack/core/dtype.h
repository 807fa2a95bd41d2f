// DType: the element types an array can have.
#ifndef NUMPACK_CORE_DTYPE_H_
#define NUMPACK_CORE_DTYPE_H_

#include <complex>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace numpack {

// Written to disk (with NumPack 0.7's numbers): do not change the values.
enum class DType : uint8_t {
  kBool = 0,
  kUint8 = 1,
  kUint16 = 2,
  kUint32 = 3,
  kUint64 = 4,
  kInt8 = 5,
  kInt16 = 6,
  kInt32 = 7,
  kInt64 = 8,
  kFloat16 = 9,
  kFloat32 = 10,
  kFloat64 = 11,
  kComplex64 = 12,
  kComplex128 = 13,
};
inline constexpr int kDTypeCount = 14;

// An IEEE-754 binary16 number as its bits; C++17 has no arithmetic type for it.
struct Float16 {
  uint16_t bits;
};

// Bytes of one element: 1 to 16.
size_t ItemSize(DType dtype);

// NumPy's name, such as "float32".
absl::string_view DTypeName(DType dtype);

// The inverse of static_cast<uint8_t>(dtype), for untrusted bytes. InvalidArgument for unknown
// codes.
absl::StatusOr<DType> DTypeFromCode(uint8_t code);

// The inverse of DTypeName. InvalidArgument for unknown names.
absl::StatusOr<DType> DTypeFromName(absl::string_view name);

namespace dtype_internal {
template <typename T, typename = void>
struct Trait;  // no member: T is not an element type

// Integers go by size and sign, so `long` and `long long` both work everywhere.
template <typename T>
struct Trait<
    T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8>> {
  static constexpr int kLog2 = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  static constexpr DType kDType = static_cast<DType>(
      static_cast<int>(std::is_signed_v<T> ? DType::kInt8 : DType::kUint8) + kLog2);
};
template <>
struct Trait<bool> {
  static_assert(sizeof(bool) == 1, "bool arrays are one byte per element");
  static constexpr DType kDType = DType::kBool;
};
template <>
struct Trait<Float16> {
  static constexpr DType kDType = DType::kFloat16;
};
template <>
struct Trait<float> {
  static constexpr DType kDType = DType::kFloat32;
};
template <>
struct Trait<double> {
  static constexpr DType kDType = DType::kFloat64;
};
template <>
struct Trait<std::complex<float>> {
  static constexpr DType kDType = DType::kComplex64;
};
template <>
struct Trait<std::complex<double>> {
  static constexpr DType kDType = DType::kComplex128;
};
}  // namespace dtype_internal

// The DType of a C++ element type: DTypeOf<float> is DType::kFloat32. Const is ignored.
template <typename T>
inline constexpr DType DTypeOf = dtype_internal::Trait<std::remove_const_t<T>>::kDType;

}  // namespace numpack

#endif  // NUMPACK_CORE_DTYPE_H_
