#if defined(_WIN32)
#error "built for POSIX systems only"
#endif

#include <memory>
#include <string>
#include <utility>

#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/backends/without_mappings.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"

namespace numpack {

absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string& path,
                                                           bool create_directory) {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend,
                           OpenPosixMmapBackend(path, PosixMmapOptions{create_directory}));
  return UnmappedUnlessItWorks(std::move(backend), /*may_write=*/create_directory);
}

}  // namespace numpack
