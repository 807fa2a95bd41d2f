#include "numpack/core/array.h"

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector

class HeapOwner final : public ArrayOwner {
 public:
  explicit HeapOwner(void* memory) : memory_(memory) {}
  ~HeapOwner() override { ::operator delete(memory_); }
  HeapOwner(const HeapOwner&) = delete;
  HeapOwner& operator=(const HeapOwner&) = delete;

 private:
  void* memory_;
};

}  // namespace

absl::StatusOr<AnyArray> NewHeapArray(DType dtype, absl::Span<const int64_t> shape) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view, ArrayView::Contiguous(dtype, shape, nullptr));
  const auto bytes = static_cast<size_t>(view.nbytes());
  // Aligned by hand: glibc (2.36, say) does not use freed memory again for aligned requests of the
  // same size, and a batch that frees one array for each that it loads would grow without end.
  size_t room = bytes;
  void* memory = nullptr;
  if (room <= std::numeric_limits<size_t>::max() - kAlignment) {
    room += kAlignment;
    memory = ::operator new(room, std::nothrow);
  }
  if (memory == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for an array of shape ",
                                                     ShapeString(shape), ", ", bytes, " bytes"));
  }
  void* data = memory;
  view.data = static_cast<std::byte*>(std::align(kAlignment, bytes, data, room));
  return AnyArray(std::move(view), /*writable=*/true, std::make_shared<HeapOwner>(memory));
}

}  // namespace numpack
