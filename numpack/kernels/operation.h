// Operation: the elementwise operations that the kernels know.
#ifndef NUMPACK_KERNELS_OPERATION_H_
#define NUMPACK_KERNELS_OPERATION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace numpack {

// What becomes of an element x. Results are those of NumPy for the same dtype, bit for bit: one
// IEEE-754 rounding per arithmetic sign (never a fused multiply-add), and two's-complement
// wrap-around for integers. The one exception: when both operands of an addition or multiplication
// are NaN, which payload survives is unspecified, as it is in NumPy.
enum class Operation : uint8_t {
  kAdd,          // x + b
  kSubtract,     // x - b
  kMultiply,     // x * b
  kDivide,       // x / b; floating point only: NumPy has no true division into an integer array
  kMultiplyAdd,  // a * x + b, rounded twice; scalars only
};
inline constexpr int kOperationCount = 5;

// Where the values beside x come from.
enum class OperandKind : uint8_t {
  kScalar,  // b, or a and b: the same for all elements
  kArray,   // b: an array of as many elements
};
inline constexpr int kOperandKindCount = 2;

// How many scalars the operation takes: 1, or 2 (a, then b).
constexpr int ScalarCount(Operation operation) {
  return operation == Operation::kMultiplyAdd ? 2 : 1;
}

// NumPy's name, such as "multiply"; "multiply_add" is ours.
absl::string_view OperationName(Operation operation);

}  // namespace numpack

#endif  // NUMPACK_KERNELS_OPERATION_H_
