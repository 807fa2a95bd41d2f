#include "numpack/core/array.h"

#include <new>

#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector

class HeapOwner final : public ArrayOwner {
 public:
  explicit HeapOwner(std::byte* data) : data_(data) {}
  ~HeapOwner() override { ::operator delete(data_, kAlignment); }
  HeapOwner(const HeapOwner&) = delete;
  HeapOwner& operator=(const HeapOwner&) = delete;

 private:
  std::byte* data_;
};

}  // namespace

absl::StatusOr<AnyArray> NewHeapArray(DType dtype, absl::Span<const int64_t> shape) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view, ArrayView::Contiguous(dtype, shape, nullptr));
  const auto bytes = static_cast<size_t>(view.nbytes());
  auto* data = static_cast<std::byte*>(::operator new(bytes, kAlignment, std::nothrow));
  if (data == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for an array of shape ",
                                                     ShapeString(shape), ", ", bytes, " bytes"));
  }
  view.data = data;
  return AnyArray(std::move(view), /*writable=*/true, std::make_shared<HeapOwner>(data));
}

}  // namespace numpack
