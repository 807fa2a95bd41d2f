#include "bench/hand_loops.h"

#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"

// GCC compiles such a function once per instruction set and picks one when the program starts.
#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__clang__)
#define NUMPACK_BEST_OF_MACHINE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define NUMPACK_BEST_OF_MACHINE
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define NUMPACK_NO_LOOP_DEPENDENCE _Pragma("GCC ivdep")
#else
#define NUMPACK_NO_LOOP_DEPENDENCE
#endif

namespace numpack::bench {
namespace {

// Zero, which the compiler must not know.
volatile uint64_t opaque_zero = 0;

NUMPACK_BEST_OF_MACHINE void XorAll(uint64_t* data, uint64_t mask, size_t count) {
  for (size_t i = 0; i < count; ++i) data[i] ^= mask;
}

// target_clones does not go together with templates, so the loops are spelled out by macro: per
// type, each sign with a scalar and with an array.
#define NUMPACK_HAND_LOOP(Type, Name, expression)                                          \
  NUMPACK_BEST_OF_MACHINE void Name##Scalar(Type* x, const Type* operand, size_t n) {      \
    const Type b = operand[0];                                                             \
    for (size_t i = 0; i < n; ++i) x[i] = x[i] expression b;                               \
  }                                                                                        \
  NUMPACK_BEST_OF_MACHINE void Name##Array(Type* x, const Type* b, size_t n) {             \
    NUMPACK_NO_LOOP_DEPENDENCE for (size_t i = 0; i < n; ++i) x[i] = x[i] expression b[i]; \
  }

#define NUMPACK_HAND_LOOPS(Type, name)                                                        \
  namespace name {                                                                            \
  NUMPACK_HAND_LOOP(Type, Add, +)                                                             \
  NUMPACK_HAND_LOOP(Type, Subtract, -)                                                        \
  NUMPACK_HAND_LOOP(Type, Multiply, *)                                                        \
  NUMPACK_HAND_LOOP(Type, Divide, /)                                                          \
  NUMPACK_BEST_OF_MACHINE void MultiplyAddScalar(Type* x, const Type* operand, size_t n) {    \
    const Type a = operand[0];                                                                \
    const Type b = operand[1];                                                                \
    for (size_t i = 0; i < n; ++i) x[i] = x[i] * a + b;                                       \
  }                                                                                           \
  void Update(Operation operation, OperandKind kind, std::byte* data, const std::byte* other, \
              size_t n) {                                                                     \
    auto* x = reinterpret_cast<Type*>(data);                                                  \
    const auto* b = reinterpret_cast<const Type*>(other);                                     \
    const bool scalar = kind == OperandKind::kScalar;                                         \
    switch (operation) {                                                                      \
      case Operation::kAdd:                                                                   \
        return scalar ? AddScalar(x, b, n) : AddArray(x, b, n);                               \
      case Operation::kSubtract:                                                              \
        return scalar ? SubtractScalar(x, b, n) : SubtractArray(x, b, n);                     \
      case Operation::kMultiply:                                                              \
        return scalar ? MultiplyScalar(x, b, n) : MultiplyArray(x, b, n);                     \
      case Operation::kDivide:                                                                \
        return scalar ? DivideScalar(x, b, n) : DivideArray(x, b, n);                         \
      case Operation::kMultiplyAdd:                                                           \
        return MultiplyAddScalar(x, b, n);                                                    \
      default:                                                                                \
        return;                                                                               \
    }                                                                                         \
  }                                                                                           \
  }

NUMPACK_HAND_LOOPS(float, float32)
NUMPACK_HAND_LOOPS(double, float64)
NUMPACK_HAND_LOOPS(uint32_t, int32)  // wraps around, as int32 does here
NUMPACK_HAND_LOOPS(uint64_t, int64)

}  // namespace

void CopyInPlace(std::byte* data, size_t bytes) {
  XorAll(reinterpret_cast<uint64_t*>(data), opaque_zero, bytes / sizeof(uint64_t));
}

bool HasHandLoop(Operation operation, DType dtype) {
  const bool is_float = dtype == DType::kFloat32 || dtype == DType::kFloat64;
  if (!is_float && dtype != DType::kInt32 && dtype != DType::kInt64) return false;
  return operation <= Operation::kMultiplyAdd && operation != Operation::kReverseSubtract &&
         (is_float || operation != Operation::kDivide);
}

void UpdateByHand(Operation operation, OperandKind kind, DType dtype, std::byte* data,
                  const std::byte* operand, size_t elements) {
  switch (dtype) {
    case DType::kFloat32:
      return float32::Update(operation, kind, data, operand, elements);
    case DType::kFloat64:
      return float64::Update(operation, kind, data, operand, elements);
    case DType::kInt32:
      return int32::Update(operation, kind, data, operand, elements);
    case DType::kInt64:
      return int64::Update(operation, kind, data, operand, elements);
    default:
      return;
  }
}

}  // namespace numpack::bench
