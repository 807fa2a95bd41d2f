#include "numpack/base/streaming_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__SSE2__) && defined(__GLIBC__)
#include <unistd.h>
#endif

namespace numpack {
namespace {

size_t LastLevelCacheBytes() {
#if defined(__SSE2__) && defined(__GLIBC__)
  return static_cast<size_t>(std::max(sysconf(_SC_LEVEL3_CACHE_SIZE), 0L));
#else
  return 0;
#endif
}

}  // namespace

size_t StreamingCopyBytes() {
  // Below that, what is copied is still in the cache when it is used (measured; the C library has
  // the same rule for a copy by one thread).
  static const size_t kBytes = LastLevelCacheBytes() / 4 * 3;
  return kBytes == 0 ? std::numeric_limits<size_t>::max() : kBytes;
}

void StreamingCopy(void* to, const void* from, size_t bytes) {
#if defined(__SSE2__)
  constexpr size_t kLine = 64;
  auto* target = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  const size_t lead = std::min(bytes, (0 - reinterpret_cast<uintptr_t>(target)) % kLine);
  if (lead > 0) std::memcpy(target, source, lead);
  size_t i = lead;
  for (; bytes - i >= kLine; i += kLine) {
    const auto* const line = reinterpret_cast<const __m128i*>(source + i);
    auto* const place = reinterpret_cast<__m128i*>(target + i);
    const __m128i a = _mm_loadu_si128(line);
    const __m128i b = _mm_loadu_si128(line + 1);
    const __m128i c = _mm_loadu_si128(line + 2);
    const __m128i d = _mm_loadu_si128(line + 3);
    _mm_stream_si128(place, a);
    _mm_stream_si128(place + 1, b);
    _mm_stream_si128(place + 2, c);
    _mm_stream_si128(place + 3, d);
  }
  _mm_sfence();
  if (i < bytes) std::memcpy(target + i, source + i, bytes - i);
#else
  if (bytes > 0) std::memcpy(to, from, bytes);
#endif
}

}  // namespace numpack
