// memcpy past the processor's caches: for blocks that would drive everything else out of them, and
// be driven out themselves before they are used again. Saves reading what is overwritten.
#ifndef NUMPACK_BASE_STREAMING_COPY_H_
#define NUMPACK_BASE_STREAMING_COPY_H_

#include <cstddef>

namespace numpack {

// From how many bytes on StreamingCopy is the quicker one; more than there are where that is
// unknown, or where the processor has no such instructions.
size_t StreamingCopyBytes();

// Copies `bytes` bytes; the two blocks must not overlap. Other threads see them all once they see
// anything that this thread does afterwards.
void StreamingCopy(void* to, const void* from, size_t bytes);

}  // namespace numpack

#endif  // NUMPACK_BASE_STREAMING_COPY_H_
