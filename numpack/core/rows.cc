#include "numpack/core/rows.h"

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"

namespace numpack {

absl::Status CheckHasRows(const ArrayInfo& info) {
  if (!info.shape.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("a 0-d array has no rows");
}

int64_t RowBytes(const ArrayInfo& info) {
  auto bytes = static_cast<int64_t>(ItemSize(info.dtype));
  for (size_t axis = 1; axis < info.shape.size(); ++axis) bytes *= info.shape[axis];
  return bytes;
}

absl::StatusOr<std::vector<int64_t>> ResolveRows(absl::Span<const int64_t> rows,
                                                 const ArrayInfo& info) {
  const int64_t count = info.shape[0];
  std::vector<int64_t> resolved(rows.begin(), rows.end());
  for (int64_t& row : resolved) {
    if (row < -count || row >= count) {
      return absl::OutOfRangeError(
          absl::StrCat("row index ", row, " is out of range for ", count, " rows"));
    }
    if (row < 0) row += count;
  }
  return resolved;
}

absl::Status CheckRowsFit(absl::string_view name, const ArrayInfo& info, const ArrayView& rows) {
  NUMPACK_RETURN_IF_ERROR(Validate(rows));
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info));
  if (rows.dtype != info.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("Dtype mismatch for array '", name, "': it is ",
                                                   DTypeName(info.dtype), ", the rows are ",
                                                   DTypeName(rows.dtype)));
  }
  if (rows.shape.size() != info.shape.size()) {
    return absl::InvalidArgumentError(absl::StrCat("Dimension mismatch for array '", name,
                                                   "': it has shape ", ShapeString(info.shape),
                                                   ", the rows ", ShapeString(rows.shape)));
  }
  for (size_t axis = 1; axis < info.shape.size(); ++axis) {
    if (rows.shape[axis] != info.shape[axis]) {
      return absl::InvalidArgumentError(absl::StrCat("Shape mismatch for array '", name,
                                                     "': it has shape ", ShapeString(info.shape),
                                                     ", the rows ", ShapeString(rows.shape)));
    }
  }
  return absl::OkStatus();
}

}  // namespace numpack
