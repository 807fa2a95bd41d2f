#include "numpack/core/view.h"

#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/parallel_copy.h"
#include "numpack/base/status_macros.h"

namespace numpack {

int64_t ArrayView::size() const {
  int64_t count = 1;
  for (const int64_t axis : shape) count *= axis;
  return count;
}

bool ArrayView::IsContiguous() const {
  if (size() == 0) return true;
  int64_t step = static_cast<int64_t>(ItemSize(dtype));
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

absl::StatusOr<ArrayView> ArrayView::Contiguous(DType dtype, absl::Span<const int64_t> shape,
                                                const void* data) {
  NUMPACK_RETURN_IF_ERROR(CountElements(shape, dtype).status());
  return ArrayView{dtype, Shape(shape.begin(), shape.end()), ContiguousStrides(shape, dtype),
                   static_cast<const std::byte*>(data)};
}

absl::Status Validate(const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(const int64_t count, CountElements(view.shape, view.dtype));
  if (view.strides.size() != view.shape.size()) {
    return absl::InvalidArgumentError(absl::StrCat("an array of shape ", ShapeString(view.shape),
                                                   " needs ", view.shape.size(), " strides, not ",
                                                   view.strides.size()));
  }
  if (count > 0 && view.data == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no data for an array of shape ", ShapeString(view.shape)));
  }
  return absl::OkStatus();
}

namespace {

// Copies the sub-array that starts at `from`, of the axes from `axis` on, and returns the end of
// the copy. The innermost axes from `contiguous_axis` on are one block of `block` bytes.
std::byte* CopyAxis(const ArrayView& view, size_t axis, size_t contiguous_axis, size_t block,
                    const std::byte* from, std::byte* to) {
  if (axis == contiguous_axis) {
    std::memcpy(to, from, block);
    return to + block;
  }
  const size_t item = ItemSize(view.dtype);
  if (axis + 1 == view.shape.size() && block == item) {
    // The hot case of a strided innermost axis: a loop that the compiler knows the size for.
    const int64_t step = view.strides[axis];
    const int64_t n = view.shape[axis];
    const auto copy = [&](auto element) {
      for (int64_t i = 0; i < n; ++i, from += step, to += sizeof(element)) {
        std::memcpy(to, from, sizeof(element));
      }
    };
    switch (item) {
      case 1:
        copy(uint8_t{});
        return to;
      case 2:
        copy(uint16_t{});
        return to;
      case 4:
        copy(uint32_t{});
        return to;
      case 8:
        copy(uint64_t{});
        return to;
      default:
        copy(std::complex<double>{});
        return to;
    }
  }
  for (int64_t i = 0; i < view.shape[axis]; ++i, from += view.strides[axis]) {
    to = CopyAxis(view, axis + 1, contiguous_axis, block, from, to);
  }
  return to;
}

}  // namespace

void CopyElements(const ArrayView& from, std::byte* to) {
  if (from.size() == 0) return;
  size_t contiguous_axis = from.shape.size();
  size_t block = ItemSize(from.dtype);
  while (contiguous_axis > 0 &&
         (from.shape[contiguous_axis - 1] == 1 ||
          from.strides[contiguous_axis - 1] == static_cast<int64_t>(block))) {
    block *= static_cast<size_t>(from.shape[--contiguous_axis]);
  }
  if (contiguous_axis == 0) return ParallelCopy(to, from.data, block);
  CopyAxis(from, 0, contiguous_axis, block, from.data, to);
}

namespace view_internal {

absl::Status CheckSize(absl::Span<const int64_t> shape, DType dtype, size_t elements) {
  NUMPACK_ASSIGN_OR_RETURN(const int64_t count, CountElements(shape, dtype));
  if (static_cast<uint64_t>(count) == elements) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("shape ", ShapeString(shape), " has ", count, " elements, the data ", elements));
}

}  // namespace view_internal
}  // namespace numpack
