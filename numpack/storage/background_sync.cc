#include "numpack/storage/background_sync.h"

#include <chrono>  // NOLINT(build/c++11): what std::condition_variable takes
#include <cstdint>
#include <system_error>  // NOLINT(build/c++11): what std::thread throws
#include <utility>

#include "numpack/base/process.h"

namespace numpack::storage {

// std::mutex, because absl::Mutex has locks of its own that a forked child may find held.
struct BackgroundSync::State {
  std::function<bool()> sync;
  std::chrono::nanoseconds delay;
  std::atomic<bool> due{false};
  std::mutex mu;
  std::condition_variable changed;
  bool stop = false;
  std::thread thread;
};

BackgroundSync::BackgroundSync(absl::Duration delay, std::function<bool()> sync)
    : fork_count_(ForkCount()), state_(new State) {
  state_->sync = std::move(sync);
  state_->delay = absl::ToChronoNanoseconds(delay);
}

BackgroundSync::~BackgroundSync() {
  if (ForkCount() != fork_count_) return;  // the thread is the parent's: nothing to join
  {
    const std::lock_guard<std::mutex> lock(state_->mu);
    state_->stop = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  delete state_;
}

void BackgroundSync::Wake() {
  if (state_->due.exchange(true)) return;
  const std::lock_guard<std::mutex> lock(state_->mu);
  if (!state_->thread.joinable()) {
    try {
      state_->thread = std::thread([state = state_] { Run(*state); });
    } catch (const std::system_error&) {
      state_->due = false;  // no thread to be had: the next Wake tries again
    }
    return;
  }
  state_->changed.notify_all();
}

void BackgroundSync::Run(State& state) {
  std::unique_lock<std::mutex> lock(state.mu);
  for (;;) {
    state.changed.wait(lock, [&] { return state.stop || state.due; });
    if (state.changed.wait_for(lock, state.delay, [&] { return state.stop; })) return;
    // What is written from here on may be too late for this sync, and gets another.
    state.due = false;
    lock.unlock();
    const bool again = state.sync();
    lock.lock();
    if (again) state.due = true;
  }
}

}  // namespace numpack::storage
