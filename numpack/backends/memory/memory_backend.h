// A Backend in heap memory, for tests and for users who want a store that never touches a disk.
//
// Nothing survives the last reference to it. Locks exclude other opens in this process only.
//
// Each file takes a range of addresses as large as it may ever become, and memory behind them as it
// grows, so its bytes never move: mappings, reads and writes of one file always meet in the same
// memory, also when the file grows while it is mapped. Unused addresses cost nothing on a 64-bit
// system.
#ifndef NUMPACK_BACKENDS_MEMORY_MEMORY_BACKEND_H_
#define NUMPACK_BACKENDS_MEMORY_MEMORY_BACKEND_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "numpack/backends/backend.h"

namespace numpack {

struct MemoryBackendOptions {
  // Sum of file sizes beyond which growing is ResourceExhausted: a full disk for tests. Default: no
  // limit.
  uint64_t capacity = std::numeric_limits<uint64_t>::max();

  // The addresses taken for each file; growing one beyond is ResourceExhausted. Default: 16 GiB
  // (256 MiB where pointers have 32 bits), enough for 8000 files at once on Linux.
  uint64_t max_file_size = uint64_t{1} << (sizeof(void*) > 4 ? 34 : 28);
};

std::shared_ptr<Backend> NewMemoryBackend(MemoryBackendOptions options = {});

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MEMORY_MEMORY_BACKEND_H_
