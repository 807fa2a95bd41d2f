#include "numpack/backends/win32_mmap/win32_lock.h"

#include <algorithm>
#include <chrono>  // NOLINT(build/c++11): absl::Now() is the wall clock, which jumps
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "numpack/backends/file.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"

namespace numpack {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(1);
constexpr absl::Duration kLongestPause = absl::Milliseconds(50);

OVERLAPPED At(uint64_t offset) {
  OVERLAPPED position = {};
  position.Offset = static_cast<DWORD>(offset);
  position.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return position;
}

Win32Error TryLock(HANDLE file, uint64_t offset, uint64_t length, DWORD flags) {
  OVERLAPPED position = At(offset);
  if (LockFileEx(file, flags, 0, static_cast<DWORD>(length), static_cast<DWORD>(length >> 32),
                 &position) != 0) {
    return ERROR_SUCCESS;
  }
  return GetLastError();
}

}  // namespace

// Polls rather than sleeps in LockFileEx: a wait there has no limit on a handle that is not opened
// for overlapped calls, and such a handle would complicate every read and write.
Win32Error LockFileRange(HANDLE file, uint64_t offset, uint64_t length, LockKind kind,
                         absl::Duration max_wait) {
  const DWORD flags =
      LOCKFILE_FAIL_IMMEDIATELY | (kind == LockKind::kExclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0u);
  const auto start = std::chrono::steady_clock::now();
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const Win32Error error = TryLock(file, offset, length, flags);
    if (error != ERROR_LOCK_VIOLATION) return error;
    const absl::Duration left =
        max_wait - absl::FromChrono(std::chrono::steady_clock::now() - start);
    if (left <= absl::ZeroDuration()) return error;
    absl::SleepFor(std::min(pause, left));
  }
}

Win32Error UnlockFileRange(HANDLE file, uint64_t offset, uint64_t length) {
  OVERLAPPED position = At(offset);
  if (UnlockFileEx(file, 0, static_cast<DWORD>(length), static_cast<DWORD>(length >> 32),
                   &position) != 0) {
    return ERROR_SUCCESS;
  }
  return GetLastError();
}

}  // namespace numpack
