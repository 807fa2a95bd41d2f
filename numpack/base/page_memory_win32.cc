#if !defined(_WIN32)
#error "Windows only: see BUILD"
#endif

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <cstddef>

#include "numpack/base/page_memory.h"

namespace numpack {

size_t PageBytes() {
  static const size_t bytes = [] {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return static_cast<size_t>(info.dwPageSize);
  }();
  return bytes;
}

// Large pages need a privilege that programs do not have.
void* AllocatePages(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void FreePages(void* pages, size_t /*bytes*/) { VirtualFree(pages, 0, MEM_RELEASE); }

}  // namespace numpack
