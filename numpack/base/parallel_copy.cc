#include "numpack/base/parallel_copy.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "numpack/base/streaming_copy.h"
#include "numpack/base/worker_threads.h"

namespace numpack {
namespace {

// From where on a second thread pays, also when it has to be woken.
constexpr size_t kAloneBytes = size_t{1} << 20;
// What a thread takes at a time: a huge page, so that fresh memory is brought in by one of them.
constexpr int64_t kChunkBytes = int64_t{2} << 20;
// Of what is not much larger, each thread takes a part.
constexpr int64_t kSmallChunkBytes = int64_t{256} << 10;

void CachedCopy(void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace

void ParallelCopy(void* to, const void* from, size_t bytes) {
  if (bytes < kAloneBytes) {
    if (bytes != 0) std::memcpy(to, from, bytes);
    return;
  }
  const auto total = static_cast<int64_t>(bytes);
  const int64_t grain = total < 8 * kChunkBytes ? kSmallChunkBytes : kChunkBytes;
  const auto copy = bytes >= StreamingCopyBytes() ? &StreamingCopy : &CachedCopy;
  DefaultWorkerThreads().ParallelFor(total, grain, [&](int64_t begin, int64_t end) {
    copy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
         static_cast<size_t>(end - begin));
  });
}

}  // namespace numpack
