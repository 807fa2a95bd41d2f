// Shared and exclusive locks on byte ranges among the opens of one file, within this process.
#ifndef NUMPACK_BACKENDS_MEMORY_RANGE_LOCKS_H_
#define NUMPACK_BACKENDS_MEMORY_RANGE_LOCKS_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "numpack/backends/file.h"

namespace numpack {

// Thread-safe.
class RangeLocks {
 public:
  // `owner` is any address that stands for the open. Locks of one owner never exclude each other.
  // False when others still hold a part of [begin, end) after `max_wait`.
  bool Lock(const void* owner, uint64_t begin, uint64_t end, LockKind kind,
            absl::Duration max_wait);

  // Gives up the locks of `owner` on exactly this range.
  void Unlock(const void* owner, uint64_t begin, uint64_t end);
  void UnlockAll(const void* owner);

 private:
  struct Held {
    const void* owner;
    uint64_t begin;
    uint64_t end;
    LockKind kind;
  };

  bool IsFree(const Held& wanted) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::vector<Held> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MEMORY_RANGE_LOCKS_H_
