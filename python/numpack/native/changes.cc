#include "python/numpack/native/changes.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/base/errno_payload.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

// Rank and trailing shape.
absl::Status CheckRowShape(absl::string_view name, const ArrayInfo& stored, const ArrayView& view) {
  if (stored.shape.size() != view.shape.size()) {
    return absl::InvalidArgumentError(absl::StrCat("Dimension mismatch for array '", name,
                                                   "': stored ", ShapeString(stored.shape),
                                                   ", given ", ShapeString(view.shape)));
  }
  if (absl::MakeSpan(stored.shape).subspan(1) != absl::MakeSpan(view.shape).subspan(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Shape mismatch for array '", name, "': stored ", ShapeString(stored.shape),
                     ", given ", ShapeString(view.shape), "; all axes but the first must agree"));
  }
  return absl::OkStatus();
}

std::string DtypeMismatch(absl::string_view name, const ArrayInfo& stored, const ArrayView& view) {
  return absl::StrCat("Dtype mismatch for array '", name, "': stored ", DTypeName(stored.dtype),
                      ", given ", DTypeName(view.dtype));
}

}  // namespace

// With an errno it is a file or the directory that is missing.
bool IsMissing(const absl::Status& status) {
  return absl::IsNotFound(status) && !GetErrno(status).has_value();
}

absl::Status Explain(const absl::Status& status, absl::string_view name) {
  if (!IsMissing(status)) return status;
  return absl::NotFoundError(absl::StrCat("array '", name, "' does not exist"));
}

absl::Status CheckHasRows(absl::string_view name, const ArrayInfo& stored) {
  if (!stored.shape.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("array '", name, "' is 0-d: it has no rows"));
}

absl::Status CheckAppend(absl::string_view name, const ArrayInfo& stored, const ArrayView& view) {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(name, stored));
  if (stored.dtype != view.dtype)
    return absl::InvalidArgumentError(DtypeMismatch(name, stored, view));
  return CheckRowShape(name, stored, view);
}

absl::Status CheckReplace(absl::string_view name, const ArrayInfo& stored, const ArrayView& view) {
  if (stored.dtype != view.dtype)
    return PythonError("TypeError", DtypeMismatch(name, stored, view));
  return CheckRowShape(name, stored, view);
}

}  // namespace numpack::python
