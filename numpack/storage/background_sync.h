// BackgroundSync: a thread that makes things durable a while after they were written.
//
// The thread is started by the first Wake(). Thread-safe.
#ifndef NUMPACK_STORAGE_BACKGROUND_SYNC_H_
#define NUMPACK_STORAGE_BACKGROUND_SYNC_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace numpack::storage {

class BackgroundSync {
 public:
  // `sync` is called `delay` after a Wake(), once for all that come meanwhile; it returns whether
  // to try again after another delay. It must not destroy this object.
  BackgroundSync(absl::Duration delay, std::function<bool()> sync);
  // Waits for a running `sync`; one that is due is left out. In a forked child: only forgets.
  ~BackgroundSync();
  BackgroundSync(const BackgroundSync&) = delete;
  BackgroundSync& operator=(const BackgroundSync&) = delete;

  // Cheap when one is due already.
  void Wake();

 private:
  struct State;
  static void Run(State& state);

  const uint32_t fork_count_;
  // A child must not destroy the mutex that its parent's thread held.
  State* const state_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_BACKGROUND_SYNC_H_
