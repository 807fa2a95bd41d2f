#if !defined(_WIN32)
#error "Windows only: see BUILD"
#endif

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "numpack/base/worker_threads_platform.h"

namespace numpack::worker_threads_internal {

int AvailableProcessors() {
  DWORD_PTR allowed = 0;
  DWORD_PTR present = 0;
  int count = 0;
  // All zero when the process spans processor groups; then the system's count of this group has to
  // do.
  if (GetProcessAffinityMask(GetCurrentProcess(), &allowed, &present) != 0) {
    for (; allowed != 0; allowed &= allowed - 1) ++count;
  }
  if (count > 0) return count;
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwNumberOfProcessors > 0 ? static_cast<int>(info.dwNumberOfProcessors) : 1;
}

uint32_t ForkGeneration() { return 0; }

std::thread StartThread(absl::AnyInvocable<void()> main) {
  try {
    return std::thread(std::move(main));
  } catch (const std::system_error&) {
    return std::thread();
  }
}

void Pause() { YieldProcessor(); }

}  // namespace numpack::worker_threads_internal
