// WorkerThreads: a small pool of persistent threads that split a loop with the thread that calls
// it.
//
//   DefaultWorkerThreads().ParallelFor(pages, /*grain=*/16, [&](int64_t begin, int64_t end) { ...
//   });
//
// The caller always takes part and never waits for a thread that has not started its share: a
// helper that wakes late costs nothing but the wake-up. One loop runs at a time. A call that finds
// the pool busy, also one made from inside a loop body, runs its whole loop on its own thread:
// callers that are parallel already neither queue behind each other nor oversubscribe the machine,
// and nesting cannot deadlock.
//
// Threads are started by the first call that needs them. After fork() the child starts its own. All
// signals are blocked in them. What a loop body computes is as if the caller had run it all:
// helpers take over the caller's floating-point environment (rounding and denormal modes), and the
// exception flags that they raise are raised in the caller.
#ifndef NUMPACK_BASE_WORKER_THREADS_H_
#define NUMPACK_BASE_WORKER_THREADS_H_

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"

namespace numpack {

// Thread-safe.
class WorkerThreads {
 public:
  static constexpr int kMaxThreads = 64;

  // `threads` counts the caller: 1 means no helpers, 0 one thread per processor that this process
  // may use.
  explicit WorkerThreads(int threads = 0);
  // Waits for the helpers to end. No loop may be running.
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  int threads() const { return threads_.load(std::memory_order_relaxed); }
  // Counts as in the constructor; at most kMaxThreads. Applies to loops that start later. Helpers
  // in excess of a lowered number stay, asleep.
  void set_threads(int threads);

  // True while a helper is awake (it spins for about 50 us after a loop), so that a loop costs no
  // wake-up: about 0.2 us instead of the 3 to 30 us after which a sleeping helper starts.
  bool awake() const;

  // Calls `body(begin, end)` on disjoint ranges that cover [0, total). Ranges begin at multiples of
  // `grain`, which must be positive. At most `max_threads` threads take part when that is not 0.
  // `body` runs concurrently with itself; it must not throw and must not fork.
  void ParallelFor(int64_t total, int64_t grain,
                   absl::FunctionRef<void(int64_t begin, int64_t end)> body, int max_threads = 0);

 private:
  class Team;

  Team* CurrentTeam();

  std::atomic<int> threads_;
  std::atomic<Team*> team_{nullptr};  // made at the first need, and anew in a forked child
};

// The pool of the process; never destroyed.
WorkerThreads& DefaultWorkerThreads();

// Same as DefaultWorkerThreads().set_threads(threads). 0: one per processor, the default.
void SetDefaultThreads(int threads);

}  // namespace numpack

#endif  // NUMPACK_BASE_WORKER_THREADS_H_
