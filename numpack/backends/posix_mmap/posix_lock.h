// Byte-range locks that belong to one open of a file, not to the process.
//
// The classic fcntl locks are no use here: two opens in one process do not exclude each other, and
// closing any descriptor of the file drops them all. Open-file-description locks (Linux, macOS)
// have neither flaw and vanish with their process.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_LOCK_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_LOCK_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <cstdint>

#include "absl/time/time.h"
#include "numpack/backends/file.h"

namespace numpack {

// Whether the system has such locks. Without them the functions below return EOPNOTSUPP.
bool HaveFileLocks();

// Locks `length` bytes (0: all that follow) at `offset`. Tries at once, then with growing pauses
// until `max_wait` has passed. 0, EAGAIN when someone else held the range to the end, or another
// errno value.
int LockFileRange(int fd, int64_t offset, int64_t length, LockKind kind, absl::Duration max_wait);

int UnlockFileRange(int fd, int64_t offset, int64_t length);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_LOCK_H_
