#include "numpack/backends/posix_mmap/posix_error.h"

#include <cerrno>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // the file would be larger than its file system, or a limit of the process, allows
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case EISDIR:
    case ENOTDIR:
    case ELOOP:  // a symbolic link where none is followed
      return absl::StatusCode::kFailedPrecondition;
    case EIO:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ErrnoToStatus(int error, absl::string_view action, absl::string_view object) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  absl::Status status(
      CodeOf(error),
      absl::StrCat(action, " ", object, ": ", std::generic_category().message(error),
                   is_full ? "; remove arrays or other files there, then try again" : ""));
  SetErrno(status, error);
  return status;
}

}  // namespace numpack
