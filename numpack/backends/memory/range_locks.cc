#include "numpack/backends/memory/range_locks.h"

#include <algorithm>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "numpack/backends/file.h"

namespace numpack {

bool RangeLocks::Lock(const void* owner, uint64_t begin, uint64_t end, LockKind kind,
                      absl::Duration max_wait) {
  const Held wanted = {owner, begin, end, kind};
  const auto free = [this, &wanted]()
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IsFree(wanted); };
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithTimeout(absl::Condition(&free), max_wait)) return false;
  held_.push_back(wanted);
  return true;
}

void RangeLocks::Unlock(const void* owner, uint64_t begin, uint64_t end) {
  absl::MutexLock lock(&mutex_);
  held_.erase(std::remove_if(held_.begin(), held_.end(),
                             [&](const Held& held) {
                               return held.owner == owner && held.begin == begin && held.end == end;
                             }),
              held_.end());
}

void RangeLocks::UnlockAll(const void* owner) {
  absl::MutexLock lock(&mutex_);
  held_.erase(std::remove_if(held_.begin(), held_.end(),
                             [&](const Held& held) { return held.owner == owner; }),
              held_.end());
}

bool RangeLocks::IsFree(const Held& wanted) const {
  return absl::c_none_of(held_, [&](const Held& held) {
    return held.owner != wanted.owner && held.begin < wanted.end && wanted.begin < held.end &&
           (held.kind == LockKind::kExclusive || wanted.kind == LockKind::kExclusive);
  });
}

}  // namespace numpack
