// InPlace: arithmetic on a view's or array's own elements, at the speed of memory.
//
//   absl::Status status = numpack::InPlace(*features).Multiply(1.1f).Add(2).Clip(0, 100).Run();
//
// The operations are recorded and run together in one pass over memory (update_chain.h), with
// NumPy's results (operation.h). Nothing happens without Run(). Which operations exist for which
// elements: docs/kernels.md. What stands beside the elements, and what is wrong with it:
//
//   a, b: numbers, which are converted to the element type first, as NumPy does with a Python
//   number. A number with a fraction's type does not compile for integer elements; an integer that
//   they cannot hold is InvalidArgument.
//   b: a View or Array of the same element type, where an operation says so: of the same shape; or
//   one row or one column of numbers, the same beside all rows or columns: of shape (n,) or (1, n)
//   beside (m, n), and of shape (m, 1). It may be the updated array itself; sharing only a part of
//   it is InvalidArgument, as is another shape.
//
// All errors are reported by Run(), which then has changed nothing.
// Thread-safety: a chain belongs to one thread; it uses DefaultWorkerThreads() for large arrays.
#ifndef NUMPACK_KERNELS_IN_PLACE_H_
#define NUMPACK_KERNELS_IN_PLACE_H_

#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/core/view.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"

namespace numpack {

namespace in_place_internal {

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

// The rows of an array: all axes but the last one count them.
RowSpan RowsOf(std::byte* data, const Shape& shape, size_t elements, size_t item);

// How an array of shape `b` stands beside one of shape `x`. InvalidArgument as in the comment
// above.
absl::StatusOr<Operand> OperandOf(Operation operation, const Shape& x, const Shape& b, DType dtype,
                                  const void* data);

}  // namespace in_place_internal

// Short-lived: it does not keep arrays alive.
template <typename T>
class [[nodiscard]] InPlaceChain {
  static_assert(!std::is_const_v<T>, "these elements are read-only");

 public:
  explicit InPlaceChain(View<T> view)
      : view_(std::move(view)),
        chain_(DTypeOf<T>, in_place_internal::RowsOf(reinterpret_cast<std::byte*>(view_.data()),
                                                     view_.shape(), view_.size(), sizeof(T))) {
    chain_.Fail(view_.Check());
  }

  // -- b: a number, a View or an Array --

  // x + b
  template <typename B>
  InPlaceChain& Add(const B& b) {
    return Append(Operation::kAdd, b);
  }
  // x - b
  template <typename B>
  InPlaceChain& Subtract(const B& b) {
    return Append(Operation::kSubtract, b);
  }
  // b - x
  template <typename B>
  InPlaceChain& ReverseSubtract(const B& b) {
    return Append(Operation::kReverseSubtract, b);
  }
  // x * b
  template <typename B>
  InPlaceChain& Multiply(const B& b) {
    return Append(Operation::kMultiply, b);
  }
  // x / b, not for integers
  template <typename B>
  InPlaceChain& Divide(const B& b) {
    static_assert(!std::is_integral_v<T>,
                  "true division has no integer result: use floating-point elements");
    return Append(Operation::kDivide, b);
  }
  // The quotient rounded down, and what remains: of b's sign
  template <typename B>
  InPlaceChain& FloorDivide(const B& b) {
    return Append(Operation::kFloorDivide, b);
  }
  template <typename B>
  InPlaceChain& Remainder(const B& b) {
    return Append(Operation::kRemainder, b);
  }
  template <typename B>
  InPlaceChain& Minimum(const B& b) {
    return Append(Operation::kMinimum, b);
  }
  template <typename B>
  InPlaceChain& Maximum(const B& b) {
    return Append(Operation::kMaximum, b);
  }
  template <typename B>
  InPlaceChain& BitwiseAnd(const B& b) {
    return Append(Operation::kBitwiseAnd, b);
  }
  template <typename B>
  InPlaceChain& BitwiseOr(const B& b) {
    return Append(Operation::kBitwiseOr, b);
  }
  template <typename B>
  InPlaceChain& BitwiseXor(const B& b) {
    return Append(Operation::kBitwiseXor, b);
  }
  template <typename B>
  InPlaceChain& LeftShift(const B& b) {
    return Append(Operation::kLeftShift, b);
  }
  template <typename B>
  InPlaceChain& RightShift(const B& b) {
    return Append(Operation::kRightShift, b);
  }
  template <typename B>
  InPlaceChain& LogicalAnd(const B& b) {
    return Append(Operation::kLogicalAnd, b);
  }
  template <typename B>
  InPlaceChain& LogicalOr(const B& b) {
    return Append(Operation::kLogicalOr, b);
  }
  template <typename B>
  InPlaceChain& LogicalXor(const B& b) {
    return Append(Operation::kLogicalXor, b);
  }

  // -- numbers --

  // a * x + b, each of the two rounded
  template <typename A, typename B>
  InPlaceChain& MultiplyAdd(const A& a, const B& b) {
    return AppendScalars(Operation::kMultiplyAdd, a, b);
  }
  // a * x + b, rounded once
  template <typename A, typename B>
  InPlaceChain& FusedMultiplyAdd(const A& a, const B& b) {
    return AppendScalars(Operation::kFusedMultiplyAdd, a, b);
  }
  // x to the power n; floating point: n at most kMaxPower
  InPlaceChain& Power(int n) { return Append(Operation::kPower, n); }
  template <typename B>
  InPlaceChain& Fill(const B& b) {
    return Append(Operation::kFill, b);
  }
  // Not below `low`, not above `high`
  template <typename A, typename B>
  InPlaceChain& Clip(const A& low, const B& high) {
    return AppendScalars(Operation::kClip, low, high);
  }
  // `value` where x compares so with a
  template <typename A, typename B>
  InPlaceChain& ReplaceLess(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceLess, a, value);
  }
  template <typename A, typename B>
  InPlaceChain& ReplaceLessEqual(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceLessEqual, a, value);
  }
  template <typename A, typename B>
  InPlaceChain& ReplaceGreater(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceGreater, a, value);
  }
  template <typename A, typename B>
  InPlaceChain& ReplaceGreaterEqual(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceGreaterEqual, a, value);
  }
  template <typename A, typename B>
  InPlaceChain& ReplaceEqual(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceEqual, a, value);
  }
  template <typename A, typename B>
  InPlaceChain& ReplaceNotEqual(const A& a, const B& value) {
    return AppendScalars(Operation::kReplaceNotEqual, a, value);
  }

  // -- no operand --

  InPlaceChain& Negate() { return AppendUnary(Operation::kNegate); }
  InPlaceChain& Abs() { return AppendUnary(Operation::kAbs); }
  InPlaceChain& Square() { return AppendUnary(Operation::kSquare); }
  InPlaceChain& Sqrt() { return AppendUnary(Operation::kSqrt); }
  InPlaceChain& Reciprocal() { return AppendUnary(Operation::kReciprocal); }
  InPlaceChain& BitwiseNot() { return AppendUnary(Operation::kBitwiseNot); }
  InPlaceChain& LogicalNot() { return AppendUnary(Operation::kLogicalNot); }
  InPlaceChain& Exp() { return AppendUnary(Operation::kExp); }
  InPlaceChain& Log() { return AppendUnary(Operation::kLog); }
  InPlaceChain& Tanh() { return AppendUnary(Operation::kTanh); }
  InPlaceChain& Sigmoid() { return AppendUnary(Operation::kSigmoid); }

  // The elements become those of another type of the same size. Ends the chain: go on with a view
  // of that type.
  InPlaceChain& Cast(DType to) {
    chain_.Cast(to);
    return *this;
  }

  // At most `count` threads, the caller included. 0, the default: as many as DefaultWorkerThreads()
  // has.
  InPlaceChain& Threads(int count) {
    chain_.set_max_threads(count);
    return *this;
  }

  absl::Status Run() const { return chain_.Run(); }

 private:
  template <typename Number>
  InPlaceChain& Append(Operation operation, const Number& number) {
    const T scalar = Convert(number);
    return AppendOperand(operation, Operand::Scalars(&scalar));
  }
  template <typename U>
  InPlaceChain& Append(Operation operation, const View<U>& b) {
    static_assert(std::is_same_v<const U, const T>, "the operand has elements of another type");
    chain_.Fail(b.Check());
    const absl::StatusOr<Operand> operand =
        in_place_internal::OperandOf(operation, view_.shape(), b.shape(), DTypeOf<T>, b.data());
    if (!operand.ok()) {
      chain_.Fail(operand.status());
      return *this;
    }
    return AppendOperand(operation, *operand);
  }
  template <typename U>
  InPlaceChain& Append(Operation operation, const Array<U>& b) {
    return Append(operation, b.view());
  }
  template <typename A, typename B>
  InPlaceChain& AppendScalars(Operation operation, const A& a, const B& b) {
    const T scalars[] = {Convert(a), Convert(b)};
    return AppendOperand(operation, Operand::Scalars(scalars));
  }
  InPlaceChain& AppendUnary(Operation operation) {
    return AppendOperand(operation, Operand::None());
  }
  InPlaceChain& AppendOperand(Operation operation, const Operand& operand) {
    if (chain_.dtype() != DTypeOf<T>) {
      chain_.Fail(absl::InvalidArgumentError(absl::StrCat(
          "nothing can follow the cast to ", DTypeName(chain_.dtype()), " in this chain")));
      return *this;
    }
    chain_.Append(operation, operand);
    return *this;
  }

  template <typename Number>
  T Convert(const Number& number) {
    if constexpr (std::is_same_v<Number, T>) {
      return number;
    } else if constexpr (in_place_internal::kIsComplex<T>) {
      static_assert(std::is_arithmetic_v<Number> || in_place_internal::kIsComplex<Number>,
                    "the operand is neither a number, a View nor an Array");
      return T(number);
    } else if constexpr (std::is_same_v<T, Float16>) {
      static_assert(std::is_arithmetic_v<Number>,
                    "the operand is neither a number, a View nor an Array");
      return ToFloat16(static_cast<float>(number));
    } else {
      return ConvertReal(number);
    }
  }
  template <typename Number>
  T ConvertReal(Number number) {
    static_assert(std::is_arithmetic_v<Number>,
                  "the operand is neither a number, a View nor an Array");
    static_assert(!std::is_same_v<T, bool>, "the operand of bool elements is not a bool");
    static_assert(std::is_floating_point_v<T> || std::is_integral_v<Number>,
                  "integer elements would drop the number's fraction");
    if constexpr (std::is_integral_v<T>) {
      if (!Fits(number)) {
        chain_.Fail(absl::InvalidArgumentError(
            absl::StrCat(+number, " does not fit into ", DTypeName(DTypeOf<T>))));
      }
    }
    return static_cast<T>(number);
  }
  template <typename Number>
  static bool Fits(Number number) {
    const T converted = static_cast<T>(number);
    return static_cast<Number>(converted) == number && IsNegative(converted) == IsNegative(number);
  }
  template <typename Number>
  static bool IsNegative(Number number) {
    if constexpr (std::is_signed_v<Number>) return number < 0;
    return false;
  }

  View<T> view_;
  UpdateChain chain_;
};

// Starts a chain on the elements of a view or an array whose elements are not const.
template <typename T>
InPlaceChain<T> InPlace(const View<T>& view) {
  return InPlaceChain<T>(view);
}
template <typename T>
InPlaceChain<T> InPlace(const Array<T>& array) {
  return InPlaceChain<T>(array.view());
}

}  // namespace numpack

#endif  // NUMPACK_KERNELS_IN_PLACE_H_
