// What a file of this backend, and the mapped regions made from it, hold together.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_OPEN_FILE_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_OPEN_FILE_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/posix_mmap/posix_descriptor.h"

namespace numpack {

// The largest offset that off_t, and so any call, can express.
inline constexpr uint64_t kMaxOffset = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// Shared by all opens of one file (device and inode) through one backend, and by their mappings.
struct PosixInode {
  // Held over "look at the size, then map" and "look at the mappings, then truncate".
  absl::Mutex mapping_mutex;
  // Where each live mapping ends, counted from the start of the file.
  std::multiset<uint64_t> mapped_ends ABSL_GUARDED_BY(mapping_mutex);

  // Shared by writers; exclusive where growing takes several calls that a write must not fall
  // between.
  absl::Mutex growth_mutex;
};

// One open. Writable regions keep it, and with it the descriptor, because MakePrivate maps the file
// once more.
struct PosixOpenFile {
  Descriptor descriptor;
  std::string description;
  bool writable = false;
  std::shared_ptr<PosixInode> inode;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_OPEN_FILE_H_
