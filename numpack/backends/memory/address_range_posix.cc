#if defined(_WIN32)
#error "the Windows twin is address_range_win32.cc"
#endif

#include <sys/mman.h>

#include <cstddef>

#include "numpack/backends/memory/address_range.h"

namespace numpack {
namespace {

#if defined(MAP_NORESERVE)
constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#else
constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
#endif

}  // namespace

std::byte* AddressRange::SystemReserve(size_t size) {
  void* const start = mmap(nullptr, size, PROT_NONE, kFlags, -1, 0);
  return start == MAP_FAILED ? nullptr : static_cast<std::byte*>(start);
}

void AddressRange::SystemRelease(std::byte* data, size_t size) { munmap(data, size); }

bool AddressRange::SystemCommit(std::byte* start, size_t size) {
  return mprotect(start, size, PROT_READ | PROT_WRITE) == 0;
}

// A fresh mapping in place of the old: madvise leaves it open on some systems whether the pages
// come back zero.
bool AddressRange::SystemDecommit(std::byte* start, size_t size) {
  return mmap(start, size, PROT_NONE, kFlags | MAP_FIXED, -1, 0) != MAP_FAILED;
}

}  // namespace numpack
