#include "numpack/core/shape.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace numpack {

absl::StatusOr<int64_t> CountElements(absl::Span<const int64_t> shape, DType dtype) {
  if (shape.size() > static_cast<size_t>(kMaxRank)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an array has at most ", kMaxRank, " axes, not ", shape.size()));
  }
  // The bytes with zero axes left out must fit too, so that strides never overflow.
  int64_t bytes = static_cast<int64_t>(ItemSize(dtype));
  bool empty = false;
  for (const int64_t axis : shape) {
    if (axis < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("negative axis in shape ", ShapeString(shape)));
    }
    if (axis == 0) {
      empty = true;
    } else if (bytes > std::numeric_limits<int64_t>::max() / axis) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeString(shape), " is too large"));
    } else {
      bytes *= axis;
    }
  }
  return empty ? 0 : bytes / static_cast<int64_t>(ItemSize(dtype));
}

Strides ContiguousStrides(absl::Span<const int64_t> shape, DType dtype) {
  Strides strides(shape.size());
  int64_t step = static_cast<int64_t>(ItemSize(dtype));
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    if (shape[i] > 0) step *= shape[i];
  }
  return strides;
}

std::string ShapeString(absl::Span<const int64_t> shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")");
}

}  // namespace numpack
