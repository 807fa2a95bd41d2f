// Floor division and remainder of floating-point numbers: plain loops, one for all instruction
// sets. The exact remainder of two floats takes as many steps as their exponents are apart, so
// there is little to gain from doing several at a time; NumPy takes them one by one too.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"

namespace numpack::kernels_internal {
namespace {

// Results and exceptions are those of NumPy, that is Python's own with inf and NaN where it raises.
// b * quotient + remainder is nearly x, and the remainder has the sign of b.

struct Remainder {
  template <typename T>
  T operator()(T x, T b) const {
    const T remainder = std::fmod(x, b);
    if (b == 0) return remainder;  // NaN
    if (remainder == 0) return std::copysign(T{0}, b);
    return std::isless(b, T{0}) != std::isless(remainder, T{0}) ? remainder + b : remainder;
  }
};

struct FloorDivide {
  template <typename T>
  T operator()(T x, T b) const {
    if (b == 0) return x / b;
    const T remainder = std::fmod(x, b);
    T quotient = (x - remainder) / b;  // nearly a whole number
    if (remainder != 0 && std::isless(b, T{0}) != std::isless(remainder, T{0})) quotient -= 1;
    if (quotient == 0) return std::copysign(T{0}, x / b);
    const T below = std::floor(quotient);
    return std::isgreater(quotient - below, T{0.5}) ? below + 1 : below;
  }
};

template <typename T>
T Read(T value) {
  return value;
}
float Read(Float16 value) { return ToFloat32(value); }

template <typename T>
void Write(T value, T* to) {
  *to = value;
}
void Write(float value, Float16* to) { *to = ToFloat16(value); }

template <class Op, typename T, size_t kStep>
void UpdateAll(std::byte* data, const std::byte* operand, size_t elements) {
  T* x = reinterpret_cast<T*>(data);
  const T* b = reinterpret_cast<const T*>(operand);
  const T first = elements > 0 ? *b : T{};  // read before anything is written
  for (size_t i = 0; i < elements; ++i) {
    Write(Op()(Read(x[i]), Read(kStep == 0 ? first : b[i * kStep])), &x[i]);
  }
}

template <class Op, typename T>
Kernel ForKind(OperandKind kind) {
  if (kind == OperandKind::kScalar) return &UpdateAll<Op, T, 0>;
  if (kind == OperandKind::kArray) return &UpdateAll<Op, T, 1>;
  return nullptr;
}

template <typename T>
Kernel ForType(Operation operation, OperandKind kind) {
  if (operation == Operation::kFloorDivide) return ForKind<FloorDivide, T>(kind);
  if (operation == Operation::kRemainder) return ForKind<Remainder, T>(kind);
  return nullptr;
}

}  // namespace

Kernel FindFloatDivision(Operation operation, OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return ForType<Float16>(operation, kind);
    case DType::kFloat32:
      return ForType<float>(operation, kind);
    case DType::kFloat64:
      return ForType<double>(operation, kind);
    default:
      return nullptr;
  }
}

}  // namespace numpack::kernels_internal
