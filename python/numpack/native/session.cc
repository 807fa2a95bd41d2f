#include "python/numpack/native/session.h"

#include "absl/strings/str_cat.h"
#include "python/numpack/native/status.h"

namespace numpack::python {

absl::Status ClosedError(absl::string_view path) {
  return PythonError("RuntimeError",
                     absl::StrCat("NumPack '", path, "' is not opened or has been closed"));
}

}  // namespace numpack::python
