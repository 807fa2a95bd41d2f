#include "numpack/base/streaming_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace numpack {
namespace {

// Linux's figure: of the cache that this machine, which may be a part of a larger one, can count
// on. The C library's is of the whole processor. 0 where there is none, on other systems too.
size_t LastLevelCacheBytes() {
#if defined(__SSE2__) && defined(__linux__)
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");  // "8192K"
  size_t kibibytes = 0;
  char unit = 0;
  if (file >> kibibytes >> unit && unit == 'K' && kibibytes < (size_t{1} << 32))
    return kibibytes << 10;
#endif
  return 0;
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
