#include "python/numpack/native/gil.h"

#include <atomic>
#include <chrono>
#include <thread>

namespace numpack::python {
namespace {

// Threads between the look at `exiting` and the moment they have the GIL. Both are sequentially
// consistent: either PrepareForExit sees the thread here, or the thread sees `exiting`.
std::atomic<int> taking{0};
std::atomic<bool> exiting{false};
std::atomic<std::thread::id> exiting_thread;

// Announces that this thread is about to take the GIL. False, and not announced, when it must not.
bool AnnounceTaking() {
  ++taking;
  if (!exiting || exiting_thread.load() == std::this_thread::get_id()) return true;
  --taking;
  return false;
}

[[noreturn]] void StopForever() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

ReleasedGil::~ReleasedGil() {
  if (!AnnounceTaking()) StopForever();
  PyEval_RestoreThread(state_);
  --taking;
}

HeldGil::HeldGil() : held_(Py_IsInitialized() && AnnounceTaking()) {
  if (!held_) return;
  state_ = PyGILState_Ensure();
  --taking;
}

HeldGil::~HeldGil() {
  if (held_) PyGILState_Release(state_);
}

void PrepareForExit() {
  exiting_thread = std::this_thread::get_id();
  exiting = true;
  const ReleasedGil released;  // so that the others can have it
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (taking > 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace numpack::python
