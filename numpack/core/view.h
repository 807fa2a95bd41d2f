// Views: arrays in memory that somebody else owns.
//
//   View<float>        typed, C-contiguous, may be stored through; View<const float> may not
//   ArrayView          dtype at run time, any strides, read-only: what Save and its relatives take
//
// A view is a few words; copy it freely. It must not outlive the memory. Owning arrays: array.h.
#ifndef NUMPACK_CORE_VIEW_H_
#define NUMPACK_CORE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack {

// An array whose element type is known at run time.
struct ArrayView {
  DType dtype = DType::kUint8;
  Shape shape;
  Strides strides;                  // one per axis, in bytes
  const std::byte* data = nullptr;  // element (0, ..., 0); may be null when the array is empty

  // Elements and bytes in C order, whatever the strides. The shape must be valid.
  int64_t size() const;
  int64_t nbytes() const { return size() * static_cast<int64_t>(ItemSize(dtype)); }
  int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
  // True when the elements lie one after another in C order.
  bool IsContiguous() const;

  // Of a C-contiguous array. InvalidArgument as CountElements.
  static absl::StatusOr<ArrayView> Contiguous(DType dtype, absl::Span<const int64_t> shape,
                                              const void* data);
};

// InvalidArgument unless the shape is valid, there is a stride per axis, and data where there are
// elements.
absl::Status Validate(const ArrayView& view);

// The elements in C order, one after another. `to` must hold nbytes().
void CopyElements(const ArrayView& from, std::byte* to);

template <typename T>
class View {
 public:
  using Element = std::remove_const_t<T>;

  View() : shape_({0}) {}
  // Takes `data` as an array of `shape`; their sizes must agree, else Save and its relatives refuse
  // the view.
  View(absl::Span<T> data, absl::Span<const int64_t> shape)
      : data_(data), shape_(shape.begin(), shape.end()) {}
  // From View<T> to View<const T>.
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T>>>
  // NOLINTNEXTLINE(google-explicit-constructor): implicit by intent
  View(const View<U>& other) : data_(other.span()), shape_(other.shape()) {}

  T* data() const { return data_.data(); }
  size_t size() const { return data_.size(); }
  absl::Span<T> span() const { return data_; }
  const Shape& shape() const { return shape_; }
  T& operator[](size_t i) const { return data_[i]; }
  T* begin() const { return data_.data(); }
  T* end() const { return data_.data() + data_.size(); }

  // OK when the number of elements is what the shape says.
  absl::Status Check() const;

 private:
  absl::Span<T> data_;
  Shape shape_;
};

// A typed view of a container's elements (std::vector, std::array, absl::Span, ...): one axis, or
// `shape`.
template <typename Container>
auto MakeView(Container& values, absl::Span<const int64_t> shape) {
  using T = std::remove_pointer_t<decltype(values.data())>;
  return View<T>(absl::Span<T>(values.data(), values.size()), shape);
}
template <typename Container>
auto MakeView(Container& values) {
  return MakeView(values, {static_cast<int64_t>(values.size())});
}

// Without the type. InvalidArgument when the view's elements do not fill its shape.
template <typename T>
absl::StatusOr<ArrayView> Erase(const View<T>& view) {
  if (absl::Status status = view.Check(); !status.ok()) return status;
  return ArrayView::Contiguous(DTypeOf<T>, view.shape(), view.data());
}

namespace view_internal {
absl::Status CheckSize(absl::Span<const int64_t> shape, DType dtype, size_t elements);
}  // namespace view_internal

template <typename T>
absl::Status View<T>::Check() const {
  return view_internal::CheckSize(shape_, DTypeOf<T>, data_.size());
}

}  // namespace numpack

#endif  // NUMPACK_CORE_VIEW_H_
