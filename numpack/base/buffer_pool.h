// BufferPool: large blocks of memory that are used again.
//
// The pages of fresh memory have to be made and cleared at the first touch, which costs several
// times what it takes to copy an array into memory that has been used before. A block that is given
// back to a pool therefore lies idle for a while, and the next request of about its size gets it.
//
// What lies idle is bounded in three ways: by a number of bytes, by a share of the memory that this
// process could still have, and in time. For the latter two a thread looks after the pool; it runs
// only while something lies idle. A block in use is the user's alone: the pool knows that it is out
// there, and touches it no more until it is given back.
#ifndef NUMPACK_BASE_BUFFER_POOL_H_
#define NUMPACK_BASE_BUFFER_POOL_H_

#include <chrono>  // NOLINT(build/c++11): what std::condition_variable takes
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace numpack {

struct BufferPoolOptions {
  // The most bytes that may lie idle.
  uint64_t max_idle_bytes = uint64_t{256} << 20;
  // They may also be no more than one part in so many of what `available_memory` says.
  uint64_t available_share = 8;
  // How long a block lies idle before it goes back to the system; at most half as long again.
  std::chrono::milliseconds idle_time = std::chrono::seconds(4);
  // Bytes that this process could still have, or nothing where nobody knows. For tests; default:
  // AvailableMemory().
  std::function<std::optional<uint64_t>()> available_memory;
};

struct BufferPoolStats {
  uint64_t idle_bytes = 0;
  uint64_t idle_blocks = 0;
  uint64_t used_blocks = 0;  // given out and not yet given back
  uint64_t hits = 0;         // requests that an idle block has met
  uint64_t misses = 0;       // and those that took fresh memory
  uint64_t released = 0;     // blocks that went back to the system
};

// Thread-safe.
class BufferPool {
 public:
  explicit BufferPool(BufferPoolOptions options = {});
  // All blocks must have been given back.
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A block of `bytes` bytes or somewhat more, which begins at a page; null when there is no
  // memory. Its contents are arbitrary, unless `zeroed` says that they are zeros.
  void* Get(size_t bytes, bool* zeroed = nullptr);

  // Gives back what Get returned. Null is fine.
  void Put(void* block);

  // How many bytes of a block in use its user may touch: what was asked for, or more. 0 for what is
  // no such block.
  size_t Capacity(const void* block) const;

  // Gives idle blocks back to the system, those idle for longest first, until no more than `keep`
  // bytes lie idle.
  void Trim(uint64_t keep = 0);

  BufferPoolStats stats() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    void* block;
    size_t capacity;
    Clock::time_point since;
  };
  struct Trimmer;
  friend BufferPool& DefaultBufferPool();

  std::vector<Idle>::iterator BestFit(size_t bytes);
  std::vector<Idle> TakeOverBound(uint64_t bound);
  std::vector<Idle> TakeIdleSince(Clock::time_point deadline);
  uint64_t Bound() const;
  void StartTrimmer();
  void RunTrimmer(Trimmer& trimmer);
  static void Release(const std::vector<Idle>& blocks);

  // For the pool of the process, around fork(): a child has all its idle blocks twice, as it were,
  // since every page that either process writes is copied then; it lets them go.
  void BeforeFork() { mu_.lock(); }
  void InParent() { mu_.unlock(); }
  void InChild();

  const BufferPoolOptions options_;

  // std::mutex, because absl::Mutex has locks of its own that a forked child may find held.
  mutable std::mutex mu_;
  // All that follows is guarded by it.
  std::vector<Idle> idle_;                        // the one that is idle for longest first
  std::unordered_map<const void*, size_t> used_;  // capacities
  uint64_t idle_bytes_ = 0;
  uint64_t bound_;  // of idle bytes, at present
  BufferPoolStats counted_;
  std::unique_ptr<Trimmer> trimmer_;  // null until something has been idle
};

// The pool of the process; never destroyed, as arrays may outlive everything else.
BufferPool& DefaultBufferPool();

}  // namespace numpack

#endif  // NUMPACK_BASE_BUFFER_POOL_H_
