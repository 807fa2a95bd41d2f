#include "numpack/base/buffer_pool.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <thread>
#include <utility>

#include "numpack/base/available_memory.h"
#include "numpack/base/page_memory.h"
#include "numpack/base/process.h"
#include "numpack/base/worker_threads_platform.h"

namespace numpack {
namespace {

using worker_threads_internal::StartThread;

size_t RoundUp(size_t bytes, size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

// Sizes that differ a little share blocks. At most an eighth is added, so that huge pages are whole
// where that costs no more.
size_t CapacityFor(size_t bytes) {
  const size_t whole = RoundUp(bytes, kHugePageBytes);
  if (whole - bytes <= bytes / 8) return whole;
  size_t step = PageBytes();
  while (step < bytes / 32) step *= 2;
  return RoundUp(bytes, step);
}

// The largest block that a request may get.
size_t LargestFit(size_t bytes) { return CapacityFor(bytes) + bytes / 4; }

}  // namespace

// The thread that looks after idle blocks.
struct BufferPool::Trimmer {
  std::condition_variable stopped;
  bool stop = false;
  bool running = false;
  std::thread thread;
};

BufferPool::BufferPool(BufferPoolOptions options) : options_(std::move(options)) {
  bound_ = Bound();
}

BufferPool::~BufferPool() {
  if (trimmer_ != nullptr) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      trimmer_->stop = true;
    }
    trimmer_->stopped.notify_all();
    if (trimmer_->thread.joinable()) trimmer_->thread.join();
  }
  Trim();
}

uint64_t BufferPool::Bound() const {
  const std::optional<uint64_t> available =
      options_.available_memory ? options_.available_memory() : AvailableMemory();
  if (!available.has_value()) return options_.max_idle_bytes;
  return std::min(options_.max_idle_bytes, *available / options_.available_share);
}

std::vector<BufferPool::Idle>::iterator BufferPool::BestFit(size_t bytes) {
  const size_t largest = LargestFit(bytes);
  auto best = idle_.end();
  // Of equal ones the one used last: most of it may still be in the processor's cache.
  for (auto it = idle_.begin(); it != idle_.end(); ++it) {
    if (it->capacity < bytes || it->capacity > largest) continue;
    if (best == idle_.end() || it->capacity <= best->capacity) best = it;
  }
  return best;
}

void* BufferPool::Get(size_t bytes, bool* zeroed) {
  if (zeroed != nullptr) *zeroed = false;
  if (bytes > std::numeric_limits<size_t>::max() / 4) return nullptr;
  bytes = std::max<size_t>(bytes, 1);
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (const auto found = BestFit(bytes); found != idle_.end()) {
      void* const block = found->block;
      used_[block] = found->capacity;
      idle_bytes_ -= found->capacity;
      idle_.erase(found);
      ++counted_.hits;
      return block;
    }
    ++counted_.misses;
  }
  const size_t capacity = CapacityFor(bytes);
  void* block = AllocatePages(capacity);
  if (block == nullptr) {
    Trim();
    block = AllocatePages(capacity);
  }
  if (block == nullptr) return nullptr;
  if (zeroed != nullptr) *zeroed = true;
  const std::lock_guard<std::mutex> lock(mu_);
  used_[block] = capacity;
  return block;
}

void BufferPool::Put(void* block) {
  if (block == nullptr) return;
  std::vector<Idle> excess;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto used = used_.find(block);
    const Idle idle{block, used->second, Clock::now()};
    used_.erase(used);
    if (idle.capacity > bound_) {
      excess.push_back(idle);
      ++counted_.released;
    } else {
      idle_.push_back(idle);
      idle_bytes_ += idle.capacity;
      excess = TakeOverBound(bound_);
      StartTrimmer();
    }
  }
  Release(excess);  // takes its time: without the lock
}

size_t BufferPool::Capacity(const void* block) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto used = used_.find(block);
  return used == used_.end() ? 0 : used->second;
}

std::vector<BufferPool::Idle> BufferPool::TakeOverBound(uint64_t bound) {
  auto until = idle_.begin();
  for (; until != idle_.end() && idle_bytes_ > bound; ++until) idle_bytes_ -= until->capacity;
  std::vector<Idle> taken(idle_.begin(), until);
  idle_.erase(idle_.begin(), until);
  counted_.released += taken.size();
  return taken;
}

std::vector<BufferPool::Idle> BufferPool::TakeIdleSince(Clock::time_point deadline) {
  uint64_t young = 0;
  for (const Idle& idle : idle_) young += idle.since > deadline ? idle.capacity : 0;
  return TakeOverBound(young);
}

void BufferPool::Release(const std::vector<Idle>& blocks) {
  for (const Idle& idle : blocks) FreePages(idle.block, idle.capacity);
}

void BufferPool::Trim(uint64_t keep) {
  std::vector<Idle> excess;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    excess = TakeOverBound(keep);
  }
  Release(excess);
}

void BufferPool::StartTrimmer() {
  if (trimmer_ == nullptr) trimmer_ = std::make_unique<Trimmer>();
  Trimmer& trimmer = *trimmer_;
  if (trimmer.running) return;
  if (trimmer.thread.joinable()) trimmer.thread.join();  // it is past its last use of the lock
  trimmer.thread = StartThread([this, &trimmer] { RunTrimmer(trimmer); });
  // Without a thread the next Put tries again; the number of bytes is bounded anyway.
  trimmer.running = trimmer.thread.joinable();
}

void BufferPool::RunTrimmer(Trimmer& trimmer) {
  const auto period = options_.idle_time / 4;
  std::unique_lock<std::mutex> lock(mu_);
  while (!trimmer.stopped.wait_for(lock, period, [&] { return trimmer.stop; })) {
    lock.unlock();
    const uint64_t bound = Bound();  // reads files
    lock.lock();
    bound_ = bound;
    std::vector<Idle> excess = TakeIdleSince(Clock::now() - options_.idle_time);
    const std::vector<Idle> more = TakeOverBound(bound_);
    excess.insert(excess.end(), more.begin(), more.end());
    const bool last = idle_.empty();
    // What comes to lie idle from now on starts another thread.
    if (last) trimmer.running = false;
    lock.unlock();
    Release(excess);
    if (last) return;
    lock.lock();
  }
}

BufferPoolStats BufferPool::stats() const {
  const std::lock_guard<std::mutex> lock(mu_);
  BufferPoolStats stats = counted_;
  stats.idle_bytes = idle_bytes_;
  stats.idle_blocks = idle_.size();
  stats.used_blocks = used_.size();
  return stats;
}

void BufferPool::InChild() {
  // The thread is the parent's, and so is whoever waits for the condition variable: neither can be
  // destroyed here.
  static_cast<void>(trimmer_.release());
  const std::vector<Idle> all = TakeOverBound(0);
  mu_.unlock();
  Release(all);
}

BufferPool& DefaultBufferPool() {
  static BufferPool* const pool = [] {
    auto* made = new BufferPool();
    AtFork([] { DefaultBufferPool().BeforeFork(); }, [] { DefaultBufferPool().InParent(); },
           [] { DefaultBufferPool().InChild(); });
    return made;
  }();
  return *pool;
}

}  // namespace numpack
