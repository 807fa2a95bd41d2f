#if defined(_WIN32)
#error "POSIX only: see BUILD"
#endif

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <limits>

#include "numpack/base/page_memory.h"

namespace numpack {
namespace {

std::byte* Map(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages);
}

void Unmap(std::byte* begin, const std::byte* end) {
  if (begin != end) munmap(begin, static_cast<size_t>(end - begin));
}

}  // namespace

size_t PageBytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

void* AllocatePages(size_t bytes) {
  if (bytes < kHugePageBytes) return Map(bytes);
  if (bytes > std::numeric_limits<size_t>::max() - kHugePageBytes) return nullptr;
  // More than asked for; what lies before and behind the aligned part goes back at once.
  std::byte* const all = Map(bytes + kHugePageBytes);
  if (all == nullptr) return nullptr;
  const size_t excess = reinterpret_cast<uintptr_t>(all) % kHugePageBytes;
  std::byte* const pages = excess == 0 ? all : all + (kHugePageBytes - excess);
  Unmap(all, pages);
  Unmap(pages + bytes, all + bytes + kHugePageBytes);
#if defined(MADV_HUGEPAGE)
  madvise(pages, bytes, MADV_HUGEPAGE);  // a wish: nothing is lost where it is not granted
#endif
  return pages;
}

void FreePages(void* pages, size_t bytes) { munmap(pages, bytes); }

}  // namespace numpack
