#if !defined(_WIN32)
#error "the POSIX twin is address_range_posix.cc"
#endif

#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#include <windows.h>

#include <cstddef>

#include "numpack/backends/memory/address_range.h"

namespace numpack {

std::byte* AddressRange::SystemReserve(size_t size) {
  return static_cast<std::byte*>(VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_NOACCESS));
}

void AddressRange::SystemRelease(std::byte* data, size_t) { VirtualFree(data, 0, MEM_RELEASE); }

bool AddressRange::SystemCommit(std::byte* start, size_t size) {
  return VirtualAlloc(start, size, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}

bool AddressRange::SystemDecommit(std::byte* start, size_t size) {
  return VirtualFree(start, size, MEM_DECOMMIT) != 0;
}

}  // namespace numpack
