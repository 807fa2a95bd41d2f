#include "python/numpack/native/status.h"

#include <nanobind/stl/string.h>

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "numpack/base/errno_payload.h"
#include "numpack/base/mode_error.h"
#include "python/numpack/native/results.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

constexpr absl::string_view kTypeUrl = "numpack/python_type";

const char* TypeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
      return "ValueError";
    case absl::StatusCode::kNotFound:
      return "ArrayNotFoundError";
    case absl::StatusCode::kOutOfRange:
      return "IndexOutOfRangeError";
    case absl::StatusCode::kFailedPrecondition:
      // Otherwise the handle is of no use any more: abandoned, or inherited by a forked child.
      return IsModeError(status) ? "BatchModeError" : "RuntimeError";
    case absl::StatusCode::kAborted:
      return "BatchModeError";
    case absl::StatusCode::kUnavailable:
      return "StoreLockedError";
    case absl::StatusCode::kDataLoss:
      return "CorruptStoreError";
    case absl::StatusCode::kResourceExhausted:
      return "MemoryError";
    case absl::StatusCode::kPermissionDenied:
      return "StorePermissionError";
    default:
      return "RuntimeError";
  }
}

nb::object ExceptionFor(const absl::Status& status) {
  const nb::module_ errors = nb::module_::import_("numpack.errors");
  const nb::object message = Text(status.message());
  if (const std::optional<absl::Cord> type = status.GetPayload(kTypeUrl); type.has_value()) {
    return errors.attr("make")(std::string(*type), message);
  }
  const std::optional<int> error = GetErrno(status);
  if (error.has_value() && !absl::IsUnavailable(status))
    return errors.attr("io_error")(*error, message);
  return errors.attr("make")(TypeFor(status), message);
}

}  // namespace

absl::Status PythonError(absl::string_view type, absl::string_view message) {
  absl::Status status = absl::UnknownError(message);
  status.SetPayload(kTypeUrl, absl::Cord(type));
  return status;
}

void Raise(const absl::Status& status) {
  const nb::object exception = ExceptionFor(status);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

}  // namespace numpack::python
