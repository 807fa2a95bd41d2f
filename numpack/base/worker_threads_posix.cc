#if defined(_WIN32)
#error "POSIX only: see BUILD"
#endif

#include <pthread.h>
#include <signal.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "numpack/base/worker_threads_platform.h"

namespace numpack::worker_threads_internal {

int AvailableProcessors() {
#if defined(__linux__)
  cpu_set_t allowed;  // EINVAL above 1,024 processors: then the total has to do
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

uint32_t ForkGeneration() {
  // A counter rather than getpid(), which is a system call.
  static std::atomic<uint32_t> generation{0};
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return generation.load(std::memory_order_relaxed);
}

std::thread StartThread(absl::AnyInvocable<void()> main) {
  // A thread inherits the mask of its creator, so there is no moment at which a signal could reach
  // it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(main));
  } catch (const std::system_error&) {
    // The caller sees a thread that is not joinable.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

}  // namespace numpack::worker_threads_internal
