#include "numpack/backends/posix_mmap/posix_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>  // NOLINT(build/c++11): absl::Now() is the wall clock, which jumps
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "numpack/backends/file.h"
#include "numpack/backends/posix_mmap/posix_error.h"

namespace numpack {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(1);
constexpr absl::Duration kLongestPause = absl::Milliseconds(50);

int SetLock(int fd, int64_t offset, int64_t length, decltype(F_RDLCK) type) {
#if defined(F_OFD_SETLK)
  struct flock request = {};
  request.l_type = static_cast<decltype(request.l_type)>(type);
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<off_t>(offset);
  request.l_len = static_cast<off_t>(length);
  if (RetryOnSignal([&] { return fcntl(fd, F_OFD_SETLK, &request); }) == 0) return 0;
  return errno == EACCES ? EAGAIN : errno;  // POSIX allows both for "held"
#else
  (void)fd, (void)offset, (void)length, (void)type;
  return EOPNOTSUPP;
#endif
}

}  // namespace

bool HaveFileLocks() {
#if defined(F_OFD_SETLK)
  return true;
#else
  return false;
#endif
}

// Polls rather than sleeps in F_OFD_SETLKW, which knows no time limit but signals, and those are
// the embedding program's.
int LockFileRange(int fd, int64_t offset, int64_t length, LockKind kind, absl::Duration max_wait) {
  const auto type = kind == LockKind::kShared ? F_RDLCK : F_WRLCK;
  const auto start = std::chrono::steady_clock::now();
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const int error = SetLock(fd, offset, length, type);
    if (error != EAGAIN) return error;
    const absl::Duration left =
        max_wait - absl::FromChrono(std::chrono::steady_clock::now() - start);
    if (left <= absl::ZeroDuration()) return EAGAIN;
    absl::SleepFor(std::min(pause, left));
  }
}

int UnlockFileRange(int fd, int64_t offset, int64_t length) {
  return SetLock(fd, offset, length, F_UNLCK);
}

}  // namespace numpack
