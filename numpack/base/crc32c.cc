#include "numpack/base/crc32c.h"

#include <cstring>

#include "absl/crc/crc32c.h"
#include "absl/strings/string_view.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace numpack {
namespace {

uint32_t Portable(uint32_t crc, absl::Span<const std::byte> bytes) {
  return static_cast<uint32_t>(absl::ExtendCrc32c(
      absl::crc32c_t{crc},
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

#if defined(__x86_64__)

// A result of the instruction is there after three cycles, and one can begin in each: so three
// stretches are gone through side by side, and their CRCs are put together.
constexpr size_t kStretchBytes = size_t{8} << 10;

uint64_t Word(const std::byte* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

uint32_t Concat(uint32_t left, uint64_t right, size_t right_bytes) {
  return static_cast<uint32_t>(absl::ConcatCrc32c(
      absl::crc32c_t{left}, absl::crc32c_t{static_cast<uint32_t>(right)}, right_bytes));
}

__attribute__((target("sse4.2,crc32"))) uint32_t WithInstruction(
    uint32_t crc, absl::Span<const std::byte> bytes) {
  constexpr uint64_t kMask = 0xFFFFFFFF;  // a CRC is kept inverted while it is extended
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  for (; static_cast<size_t>(end - at) >= 3 * kStretchBytes; at += 3 * kStretchBytes) {
    uint64_t first = crc ^ kMask;
    uint64_t second = kMask;
    uint64_t third = kMask;
    for (size_t i = 0; i < kStretchBytes; i += sizeof(uint64_t)) {
      first = _mm_crc32_u64(first, Word(at + i));
      second = _mm_crc32_u64(second, Word(at + kStretchBytes + i));
      third = _mm_crc32_u64(third, Word(at + 2 * kStretchBytes + i));
    }
    crc = Concat(static_cast<uint32_t>(first ^ kMask), second ^ kMask, kStretchBytes);
    crc = Concat(crc, third ^ kMask, kStretchBytes);
  }
  uint64_t rest = crc ^ kMask;
  for (; end - at >= static_cast<std::ptrdiff_t>(sizeof(uint64_t)); at += sizeof(uint64_t))
    rest = _mm_crc32_u64(rest, Word(at));
  auto last = static_cast<uint32_t>(rest);
  for (; at != end; ++at) last = _mm_crc32_u8(last, std::to_integer<uint8_t>(*at));
  return last ^ static_cast<uint32_t>(kMask);
}

#endif

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, absl::Span<const std::byte> bytes) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return WithInstruction(crc, bytes);
#endif
  return Portable(crc, bytes);
}

}  // namespace numpack
