// What WorkerThreads needs of the operating system. Twins: worker_threads_posix.cc,
// worker_threads_win32.cc.
#ifndef NUMPACK_BASE_WORKER_THREADS_PLATFORM_H_
#define NUMPACK_BASE_WORKER_THREADS_PLATFORM_H_

#include <cstdint>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace numpack::worker_threads_internal {

// Processors on which this process may run; at least 1.
int AvailableProcessors();

// Changes in a forked child: two equal answers come from one process.
uint32_t ForkGeneration();

// Starts `main` on a thread that no signal is delivered to. Not joinable() when the system gives no
// thread.
std::thread StartThread(absl::AnyInvocable<void()> main);

// Tells the processor that this is a spinning loop.
void Pause();

}  // namespace numpack::worker_threads_internal

#endif  // NUMPACK_BASE_WORKER_THREADS_PLATFORM_H_
