// Operation: the elementwise operations that the kernels know.
#ifndef NUMPACK_KERNELS_OPERATION_H_
#define NUMPACK_KERNELS_OPERATION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace numpack {

// What becomes of an element x. Results are those of NumPy for the same dtype, bit for bit: one
// IEEE-754 rounding per arithmetic sign (never a fused multiply-add, but for the operation of that
// name), two's-complement wrap-around for integers, float16 computed as float32 and rounded once
// per sign. docs/kernels.md says what exists for which dtype, and where NumPy itself is not of one
// mind: when two NaNs meet, which payload survives is unspecified.
enum class Operation : uint8_t {
  // Arithmetic.
  kAdd,               // x + b; bool: or
  kSubtract,          // x - b
  kReverseSubtract,   // b - x
  kMultiply,          // x * b; bool: and
  kDivide,            // x / b; not for integers: NumPy has no true division into an integer array
  kMultiplyAdd,       // a * x + b, rounded twice
  kFusedMultiplyAdd,  // a * x + b, rounded once
  kPower,             // x to the power b, an integer from 0 to kMaxPower (integers: from 0)
  kNegate,            // -x
  kAbs,               // |x|
  kSquare,            // x * x
  kSqrt,              // the square root of x
  kReciprocal,        // 1 / x; not for integers
  kFill,              // b
  // Division of NumPy's sign rules: the remainder has the sign of b. By the integer 0: 0, and the
  // divide-by-zero exception.
  kFloorDivide,  // x // b
  kRemainder,    // x % b
  // Bits of integers and bool.
  kBitwiseAnd,
  kBitwiseOr,
  kBitwiseXor,
  kBitwiseNot,
  // Shifts of integers; b below 0, or not below their number of bits: all bits are shifted out.
  kLeftShift,
  kRightShift,
  // Zero is false and all else true, NaN too; the result is 0 or 1.
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor,
  kLogicalNot,
  // Comparisons. They raise no floating-point exception.
  kMinimum,              // the lesser of x and b; NaN where either is; b where they are equal
  kMaximum,              // the greater one, likewise
  kClip,                 // a where x < a, then b where that is > b; NaN everywhere if a or b is
  kReplaceLess,          // b where x < a, else x
  kReplaceLessEqual,     // b where x <= a
  kReplaceGreater,       // b where x > a
  kReplaceGreaterEqual,  // b where x >= a
  kReplaceEqual,         // b where x == a
  kReplaceNotEqual,      // b where x != a; of a NaN too
  // Off by at most MaxUlpError().
  kExp,
  kLog,
  kTanh,
  kSigmoid,  // 1 / (1 + exp(-x))
};
inline constexpr int kOperationCount = static_cast<int>(Operation::kSigmoid) + 1;

// Where the values beside x come from.
enum class OperandKind : uint8_t {
  kNone,    // there are none
  kScalar,  // b, or a and b: the same for all elements
  kArray,   // b: an array of as many elements
};
inline constexpr int kOperandKindCount = 3;

// How many values stand beside x: none, b, or a and b.
int ScalarCount(Operation operation);

// Whether b may come from an array: the operation has one, and a NumPy function with an array in
// its place.
bool TakesArray(Operation operation);

// NumPy's name, such as "multiply"; where it has none, ours.
absl::string_view OperationName(Operation operation);

// Largest exponent of kPower for floating-point elements: a power is off by at most half a unit in
// the last place per multiplication.
inline constexpr int kMaxPower = 64;

// Units in the last place by which kExp, kLog, kTanh and kSigmoid of float32 and float64 may be
// off. 0 for all other operations, which are exact. Of float16, all are off by at most 1.
int MaxUlpError(Operation operation);

}  // namespace numpack

#endif  // NUMPACK_KERNELS_OPERATION_H_
