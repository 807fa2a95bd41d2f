// memcpy for large blocks: several threads take part when that pays.
#ifndef NUMPACK_BASE_PARALLEL_COPY_H_
#define NUMPACK_BASE_PARALLEL_COPY_H_

#include <cstddef>

namespace numpack {

// Copies `bytes` bytes; the two blocks must not overlap. Runs on DefaultWorkerThreads().
void ParallelCopy(void* to, const void* from, size_t bytes);

}  // namespace numpack

#endif  // NUMPACK_BASE_PARALLEL_COPY_H_
