#include "numpack/kernels/operation.h"

#include <array>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace numpack {
namespace {

struct Row {
  Operation operation;
  absl::string_view name;
  int scalars;
  bool takes_array;
  int max_ulp_error = 0;
};
// The single list of operations, in the order of the enumeration.
constexpr std::array<Row, kOperationCount> kTable = {{
    {Operation::kAdd, "add", 1, true},
    {Operation::kSubtract, "subtract", 1, true},
    {Operation::kReverseSubtract, "reverse_subtract", 1, true},
    {Operation::kMultiply, "multiply", 1, true},
    {Operation::kDivide, "divide", 1, true},
    {Operation::kMultiplyAdd, "multiply_add", 2, false},
    {Operation::kFusedMultiplyAdd, "fused_multiply_add", 2, false},
    {Operation::kPower, "power", 1, false},
    {Operation::kNegate, "negative", 0, false},
    {Operation::kAbs, "absolute", 0, false},
    {Operation::kSquare, "square", 0, false},
    {Operation::kSqrt, "sqrt", 0, false},
    {Operation::kReciprocal, "reciprocal", 0, false},
    {Operation::kFill, "fill", 1, false},
    {Operation::kFloorDivide, "floor_divide", 1, true},
    {Operation::kRemainder, "remainder", 1, true},
    {Operation::kBitwiseAnd, "bitwise_and", 1, true},
    {Operation::kBitwiseOr, "bitwise_or", 1, true},
    {Operation::kBitwiseXor, "bitwise_xor", 1, true},
    {Operation::kBitwiseNot, "invert", 0, false},
    {Operation::kLeftShift, "left_shift", 1, true},
    {Operation::kRightShift, "right_shift", 1, true},
    {Operation::kLogicalAnd, "logical_and", 1, true},
    {Operation::kLogicalOr, "logical_or", 1, true},
    {Operation::kLogicalXor, "logical_xor", 1, true},
    {Operation::kLogicalNot, "logical_not", 0, false},
    {Operation::kMinimum, "minimum", 1, true},
    {Operation::kMaximum, "maximum", 1, true},
    {Operation::kClip, "clip", 2, false},
    {Operation::kReplaceLess, "replace_less", 2, false},
    {Operation::kReplaceLessEqual, "replace_less_equal", 2, false},
    {Operation::kReplaceGreater, "replace_greater", 2, false},
    {Operation::kReplaceGreaterEqual, "replace_greater_equal", 2, false},
    {Operation::kReplaceEqual, "replace_equal", 2, false},
    {Operation::kReplaceNotEqual, "replace_not_equal", 2, false},
    {Operation::kExp, "exp", 0, false, 1},
    {Operation::kLog, "log", 0, false, 1},
    {Operation::kTanh, "tanh", 0, false, 4},
    {Operation::kSigmoid, "sigmoid", 0, false, 3},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<size_t>(kTable[i].operation) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "a row is looked up by its operation");

const Row& RowOf(Operation operation) { return kTable[static_cast<size_t>(operation)]; }

}  // namespace

int ScalarCount(Operation operation) { return RowOf(operation).scalars; }

bool TakesArray(Operation operation) { return RowOf(operation).takes_array; }

absl::string_view OperationName(Operation operation) { return RowOf(operation).name; }

int MaxUlpError(Operation operation) { return RowOf(operation).max_ulp_error; }

}  // namespace numpack
