// Byte-range locks. Windows' own belong to one open of a file, exclude other opens in the same
// process too, and vanish with their process.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_LOCK_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_LOCK_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <cstdint>

#include "absl/time/time.h"
#include "numpack/backends/file.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"

namespace numpack {

// Locks `length` bytes at `offset`. Tries at once, then with growing pauses until `max_wait` has
// passed. ERROR_LOCK_VIOLATION when someone else held the range to the end.
Win32Error LockFileRange(HANDLE file, uint64_t offset, uint64_t length, LockKind kind,
                         absl::Duration max_wait);

// The range must be one that was locked, as it was.
Win32Error UnlockFileRange(HANDLE file, uint64_t offset, uint64_t length);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_LOCK_H_
