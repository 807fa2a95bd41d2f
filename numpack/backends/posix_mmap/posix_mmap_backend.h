// A Backend over a directory of a POSIX system (Linux, macOS, BSD): descriptors, mmap, byte-range
// locks.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_MMAP_BACKEND_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_MMAP_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"

namespace numpack {

struct PosixMmapOptions {
  // Makes the directory and its parents when absent; otherwise a missing directory is NotFound.
  bool create_directory = true;
};

// Opens the directory at `path` (UTF-8). FailedPrecondition when `path` is something else than a
// directory. The directory is held by descriptor: renaming it while open is harmless, removing it
// is noticed (Backend::CheckPresent).
absl::StatusOr<std::shared_ptr<Backend>> OpenPosixMmapBackend(const std::string& path,
                                                              PosixMmapOptions options = {});

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_MMAP_BACKEND_H_
