#if defined(_WIN32)
#error "built for POSIX systems only"
#endif

#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/native_backend.h"

namespace numpack {

absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string& path,
                                                           bool create_directory) {
  return OpenPosixMmapBackend(path, PosixMmapOptions{create_directory});
}

}  // namespace numpack
