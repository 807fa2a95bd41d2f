#include "numpack/core/rows.h"

#include <algorithm>

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

absl::StatusOr<bool> AreRowNumbers(absl::Span<const int64_t> rows, const ArrayInfo& info) {
  const int64_t count = info.shape[0];
  // Without a branch for each index: there may be millions, and they are nearly always right.
  int64_t least = 0;
  int64_t greatest = 0;
  for (const int64_t row : rows) {
    least = std::min(least, row);
    greatest = std::max(greatest, row);
  }
  if (rows.empty() || (least >= -count && greatest < count)) return least >= 0;
  const auto outside = std::find_if(rows.begin(), rows.end(),
                                    [count](int64_t row) { return row < -count || row >= count; });
  return absl::OutOfRangeError(
      absl::StrCat("row index ", *outside, " is out of range for ", count, " rows"));
}

absl::StatusOr<std::vector<int64_t>> ResolveRows(absl::Span<const int64_t> rows,
                                                 const ArrayInfo& info) {
  NUMPACK_ASSIGN_OR_RETURN(const bool are_numbers, AreRowNumbers(rows, info));
  std::vector<int64_t> resolved(rows.begin(), rows.end());
  if (are_numbers) return resolved;
  for (int64_t& row : resolved) row += row < 0 ? info.shape[0] : 0;
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
