// Turns Windows' error codes into absl::Status, by one table.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_ERROR_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_ERROR_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack {

// A DWORD, as GetLastError() returns it.
using Win32Error = uint32_t;

// "<action> <object>: <the system's words> (Windows error <number>)". `action` is a verb: "cannot
// read". The errno value that C programs know the fault by is attached (GetErrno), where there is
// one.
absl::Status Win32ErrorToStatus(Win32Error error, absl::string_view action,
                                absl::string_view object);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_ERROR_H_
