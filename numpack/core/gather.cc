#include "numpack/core/gather.h"

#include <algorithm>
#include <cstring>

#include "numpack/base/worker_threads.h"

namespace numpack {
namespace {

constexpr size_t kCacheLine = 64;
// Rows that are on their way while one is copied: enough to hide what memory takes to answer.
constexpr size_t kAhead = 24;
// Of a longer row the processor fetches the rest by itself.
constexpr size_t kMaxLines = 4;
// What is worth a second thread, counted in whole cache lines, and what a thread takes at a time.
constexpr size_t kAloneBytes = size_t{256} << 10;
constexpr size_t kChunkBytes = size_t{64} << 10;

inline void Fetch(const std::byte* row, size_t row_bytes) {
#if defined(__GNUC__)
  const size_t bytes = std::min(row_bytes, kMaxLines * kCacheLine);
  for (size_t at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(row + at);
  __builtin_prefetch(row + bytes - 1);  // a row need not begin at a cache line
#else
  static_cast<void>(row);
  static_cast<void>(row_bytes);
#endif
}

// Copies rows of kBytes bytes, or, when that is 0, of `row_bytes`.
template <size_t kBytes>
void Gather(const std::byte* from, size_t row_bytes, absl::Span<const int64_t> rows,
            std::byte* to) {
  const size_t bytes = kBytes == 0 ? row_bytes : kBytes;
  const size_t count = rows.size();
  const auto row = [&](size_t i) { return from + static_cast<size_t>(rows[i]) * bytes; };
  for (size_t i = 0; i < std::min(kAhead, count); ++i) Fetch(row(i), bytes);
  for (size_t i = 0; i < count; ++i, to += bytes) {
    if (i + kAhead < count) Fetch(row(i + kAhead), bytes);
    std::memcpy(to, row(i), bytes);
  }
}

// Rows of 16 bytes and more, up to a few cache lines: quicker than a call of memcpy.
void GatherMiddling(const std::byte* from, size_t bytes, absl::Span<const int64_t> rows,
                    std::byte* to) {
  constexpr size_t kStep = 16;
  const size_t count = rows.size();
  const auto row = [&](size_t i) { return from + static_cast<size_t>(rows[i]) * bytes; };
  for (size_t i = 0; i < std::min(kAhead, count); ++i) Fetch(row(i), bytes);
  for (size_t i = 0; i < count; ++i, to += bytes) {
    if (i + kAhead < count) Fetch(row(i + kAhead), bytes);
    const std::byte* const source = row(i);
    for (size_t at = 0; at + kStep < bytes; at += kStep) std::memcpy(to + at, source + at, kStep);
    std::memcpy(to + bytes - kStep, source + bytes - kStep, kStep);  // may overlap the one before
  }
}

void GatherAlone(const std::byte* from, size_t row_bytes, absl::Span<const int64_t> rows,
                 std::byte* to) {
  constexpr size_t kMiddling = 512;
  switch (row_bytes) {
    case 1:
      return Gather<1>(from, row_bytes, rows, to);
    case 2:
      return Gather<2>(from, row_bytes, rows, to);
    case 4:
      return Gather<4>(from, row_bytes, rows, to);
    case 8:
      return Gather<8>(from, row_bytes, rows, to);
    case 16:
      return Gather<16>(from, row_bytes, rows, to);
    default:
      if (row_bytes > 16 && row_bytes <= kMiddling)
        return GatherMiddling(from, row_bytes, rows, to);
      return Gather<0>(from, row_bytes, rows, to);
  }
}

}  // namespace

void GatherRows(const std::byte* from, size_t row_bytes, absl::Span<const int64_t> rows,
                std::byte* to) {
  if (row_bytes == 0 || rows.empty()) return;
  const size_t moved = std::max(row_bytes, kCacheLine);
  if (rows.size() < kAloneBytes / moved || rows.size() < 2)
    return GatherAlone(from, row_bytes, rows, to);
  const auto grain = static_cast<int64_t>(std::max<size_t>(1, kChunkBytes / moved));
  DefaultWorkerThreads().ParallelFor(
      static_cast<int64_t>(rows.size()), grain, [&](int64_t begin, int64_t end) {
        const auto first = static_cast<size_t>(begin);
        GatherAlone(from, row_bytes, rows.subspan(first, static_cast<size_t>(end - begin)),
                    to + first * row_bytes);
      });
}

}  // namespace numpack
