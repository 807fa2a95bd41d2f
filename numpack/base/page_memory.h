// Memory straight from the operating system, in whole pages. Twins: page_memory_posix.cc,
// page_memory_win32.cc.
#ifndef NUMPACK_BASE_PAGE_MEMORY_H_
#define NUMPACK_BASE_PAGE_MEMORY_H_

#include <cstddef>

namespace numpack {

// The system's pages; a power of two.
size_t PageBytes();

// Large blocks begin at a multiple of this, and are made of such pages where the system has them to
// give: one fault then brings 2 MiB instead of 4 KiB.
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Zeroed, writable memory; null when there is none. `bytes`: a positive multiple of PageBytes().
void* AllocatePages(size_t bytes);

// Gives back what AllocatePages(bytes) returned.
void FreePages(void* pages, size_t bytes);

}  // namespace numpack

#endif  // NUMPACK_BASE_PAGE_MEMORY_H_
