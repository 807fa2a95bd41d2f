// A Backend over a directory of Windows: handles, mapped views, byte-range locks.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_MMAP_BACKEND_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_MMAP_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"

namespace numpack {

struct Win32MmapOptions {
  // Makes the directory and its parents when absent; otherwise a missing directory is NotFound.
  bool create_directory = true;
};

// Opens the directory at `path` (UTF-8, of any length). FailedPrecondition when `path` is something
// else than a directory. As long as the backend lives the directory can be neither renamed nor
// removed. On a network drive shared_mappings is false: one process at a time uses a store there.
absl::StatusOr<std::shared_ptr<Backend>> OpenWin32MmapBackend(const std::string& path,
                                                              Win32MmapOptions options = {});

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_MMAP_BACKEND_H_
