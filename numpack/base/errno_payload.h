// The operating system's error number, carried inside a Status.
//
// A Status code says what went wrong in the store's terms; the number lets the Python layer raise
// an OSError with the `errno` its users test for (ENOSPC, EACCES, ...). It travels as a payload, so
// it survives every layer that hands the Status on.
#ifndef NUMPACK_BASE_ERRNO_PAYLOAD_H_
#define NUMPACK_BASE_ERRNO_PAYLOAD_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack {

// Where the number lies in the Status, as decimal text.
inline constexpr absl::string_view kErrnoPayloadUrl = "numpack/errno";

// Attaches `error`, an errno value, replacing an earlier one. Nothing happens to an OK status.
void SetErrno(absl::Status& status, int error);

// The attached number; nullopt when there is none or it is not a number.
std::optional<int> GetErrno(const absl::Status& status);

}  // namespace numpack

#endif  // NUMPACK_BASE_ERRNO_PAYLOAD_H_
