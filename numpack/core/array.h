// Arrays that keep their memory alive: what loads and views of a store return.
//
//   Array<float>        typed, C-contiguous; Array<const float> when it must not be stored through
//   AnyArray            dtype at run time
//
// They share ownership, as std::shared_ptr does: copying one copies a pointer, and the memory lives
// until the last copy is gone, whatever happens to the store, the batch or the stored array in the
// meantime. Thread-safety: that of std::shared_ptr; the elements are the caller's to synchronize.
#ifndef NUMPACK_CORE_ARRAY_H_
#define NUMPACK_CORE_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/core/view.h"

namespace numpack {

// Releases an array's memory in its destructor. Bindings derive from it to tie in objects of their
// own.
class ArrayOwner {
 public:
  virtual ~ArrayOwner() = default;
  // True when somebody other than the shared_ptrs to this object uses the memory too (a Python
  // reference).
  virtual bool HeldElsewhere() const { return false; }
  // What this ties in: equal for two owners of one object of a binding.
  virtual const void* identity() const { return this; }
};

template <typename T>
class Array {
 public:
  Array() = default;
  Array(View<T> view, std::shared_ptr<ArrayOwner> owner)
      : view_(std::move(view)), owner_(std::move(owner)) {}

  T* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  absl::Span<T> span() const { return view_.span(); }
  const Shape& shape() const { return view_.shape(); }
  T& operator[](size_t i) const { return view_[i]; }
  T* begin() const { return view_.begin(); }
  T* end() const { return view_.end(); }
  const View<T>& view() const { return view_; }
  const std::shared_ptr<ArrayOwner>& owner() const { return owner_; }

 private:
  View<T> view_;
  std::shared_ptr<ArrayOwner> owner_;
};

class AnyArray {
 public:
  AnyArray() = default;
  // `writable`: whether the memory may be stored through.
  AnyArray(ArrayView view, bool writable, std::shared_ptr<ArrayOwner> owner)
      : view_(std::move(view)), writable_(writable), owner_(std::move(owner)) {}
  template <typename T>
  AnyArray(const Array<T>& array)  // NOLINT: implicit by intent, as Array<T> is the narrower type
      : view_{DTypeOf<T>, array.shape(), ContiguousStrides(array.shape(), DTypeOf<T>),
              reinterpret_cast<const std::byte*>(array.data())},
        writable_(!std::is_const_v<T>),
        owner_(array.owner()) {}

  DType dtype() const { return view_.dtype; }
  const Shape& shape() const { return view_.shape; }
  int64_t size() const { return view_.size(); }
  int64_t nbytes() const { return view_.nbytes(); }
  const ArrayView& view() const { return view_; }
  const std::byte* data() const { return view_.data; }
  bool writable() const { return writable_; }
  // Null when not writable.
  std::byte* mutable_data() const {
    return writable_ ? const_cast<std::byte*>(view_.data) : nullptr;
  }
  const std::shared_ptr<ArrayOwner>& owner() const { return owner_; }

  // Typed. InvalidArgument when T is not the array's type; FailedPrecondition when T is not const
  // and the array read-only, or when its elements are not contiguous.
  template <typename T>
  absl::StatusOr<Array<T>> As() const {
    if (DTypeOf<T> != dtype()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the array is ", DTypeName(dtype()), ", not ", DTypeName(DTypeOf<T>)));
    }
    if (!std::is_const_v<T> && !writable_) {
      return absl::FailedPreconditionError("the array is read-only: ask for a const element type");
    }
    if (!view_.IsContiguous())
      return absl::FailedPreconditionError("the array is not C-contiguous");
    T* data = reinterpret_cast<T*>(const_cast<std::byte*>(view_.data));
    return Array<T>(View<T>(absl::Span<T>(data, static_cast<size_t>(size())), shape()), owner_);
  }

 private:
  ArrayView view_;
  bool writable_ = false;
  std::shared_ptr<ArrayOwner> owner_;
};

// Makes a writable C-contiguous array to load into. The elements may be uninitialised.
// ResourceExhausted when there is no memory for it; InvalidArgument for an invalid shape.
using ArrayFactory =
    std::function<absl::StatusOr<AnyArray>(DType dtype, absl::Span<const int64_t> shape)>;

// The default factory: 64-byte aligned memory on the heap.
absl::StatusOr<AnyArray> NewHeapArray(DType dtype, absl::Span<const int64_t> shape);

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_H_
