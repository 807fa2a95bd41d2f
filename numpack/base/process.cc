#include "numpack/base/process.h"

#if defined(_WIN32)
#include <process.h>
#else
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#endif

namespace numpack {

#if defined(_WIN32)

uint64_t ProcessId() { return static_cast<uint64_t>(_getpid()); }

uint32_t ForkCount() { return 0; }

void AtFork(void (*)(), void (*)(), void (*)()) {}

#else

namespace {

std::atomic<uint32_t> forks{0};
std::atomic<pid_t> known_id{0};  // 0: to be asked for

}  // namespace

uint64_t ProcessId() {
  ForkCount();  // has a fork from now on forget the number
  pid_t id = known_id.load(std::memory_order_relaxed);
  if (id == 0) {
    id = getpid();
    known_id.store(id, std::memory_order_relaxed);
  }
  return static_cast<uint64_t>(id);
}

uint32_t ForkCount() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    forks.fetch_add(1, std::memory_order_relaxed);
    known_id.store(0, std::memory_order_relaxed);
  });
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

void AtFork(void (*prepare)(), void (*in_parent)(), void (*in_child)()) {
  pthread_atfork(prepare, in_parent, in_child);
}

#endif

}  // namespace numpack
