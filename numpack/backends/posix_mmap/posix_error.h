// Turns errno into absl::Status, by one table.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_ERROR_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_ERROR_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack {

// "<action> <object>: <the system's words>", with `error` attached (GetErrno). `action` is a verb:
// "cannot read".
absl::Status ErrnoToStatus(int error, absl::string_view action, absl::string_view object);

// Repeats `call`, which returns a negative number and sets errno when it fails, while signals
// interrupt it.
template <typename Call>
auto RetryOnSignal(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_ERROR_H_
