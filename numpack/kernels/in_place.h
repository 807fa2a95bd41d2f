// InPlace: arithmetic on a view's or array's own elements, at the speed of memory.
//
//   absl::Status status = numpack::InPlace(*features).Multiply(1.1f).Add(2).Run();
//
// The operations are recorded and run together in one pass over memory (update_chain.h), with
// NumPy's results (operation.h). Nothing happens without Run(). Operations and their errors:
//
//   b: a number, which is converted to the element type first, as NumPy does with a Python number.
//   A number with
//      a fraction's type does not compile for integer elements; an integer that they cannot hold is
//      InvalidArgument.
//   b: a View or Array of the same shape and element type. It may be the updated array itself;
//   sharing only a part
//      of it is InvalidArgument, as is another shape.
//
// All errors are reported by Run(), which then has changed nothing.
// Thread-safety: a chain belongs to one thread; it uses DefaultWorkerThreads() for large arrays.
#ifndef NUMPACK_KERNELS_IN_PLACE_H_
#define NUMPACK_KERNELS_IN_PLACE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/core/view.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"

namespace numpack {

// Short-lived: it does not keep arrays alive.
template <typename T>
class [[nodiscard]] InPlaceChain {
  static_assert(!std::is_const_v<T>, "these elements are read-only");

 public:
  explicit InPlaceChain(View<T> view)
      : view_(std::move(view)),
        chain_(DTypeOf<T>, reinterpret_cast<std::byte*>(view_.data()),
               static_cast<int64_t>(view_.size())) {
    chain_.Fail(view_.Check());
  }

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
  // x * b
  template <typename B>
  InPlaceChain& Multiply(const B& b) {
    return Append(Operation::kMultiply, b);
  }
  // x / b, for floating-point elements
  template <typename B>
  InPlaceChain& Divide(const B& b) {
    static_assert(!std::is_integral_v<T>,
                  "true division has no integer result: use floating-point elements");
    return Append(Operation::kDivide, b);
  }
  // a * x + b, each of the two rounded; numbers only
  template <typename A, typename B>
  InPlaceChain& MultiplyAdd(const A& a, const B& b) {
    const T scalars[] = {Convert(a), Convert(b)};
    chain_.Append(Operation::kMultiplyAdd, Operand::Scalars(scalars));
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
    chain_.Append(operation, Operand::Scalars(&scalar));
    return *this;
  }
  template <typename U>
  InPlaceChain& Append(Operation operation, const View<U>& b) {
    static_assert(std::is_same_v<const U, const T>, "the operand has elements of another type");
    chain_.Fail(b.Check());
    if (b.shape() != view_.shape()) {
      chain_.Fail(absl::InvalidArgumentError(
          absl::StrCat(OperationName(operation), " needs an operand of shape ",
                       ShapeString(view_.shape()), ", not ", ShapeString(b.shape()))));
      return *this;
    }
    chain_.Append(operation, Operand::Array(b.data(), static_cast<int64_t>(b.size())));
    return *this;
  }
  template <typename U>
  InPlaceChain& Append(Operation operation, const Array<U>& b) {
    return Append(operation, b.view());
  }

  template <typename Number>
  T Convert(Number number) {
    static_assert(std::is_arithmetic_v<Number>,
                  "the operand is neither a number, a View nor an Array");
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
