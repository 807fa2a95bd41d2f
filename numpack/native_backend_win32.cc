#if !defined(_WIN32)
#error "built for Windows only"
#endif

#include <memory>
#include <string>
#include <utility>

#include "numpack/backends/win32_mmap/win32_mmap_backend.h"
#include "numpack/backends/without_mappings.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"

namespace numpack {

absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string& path,
                                                           bool create_directory) {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend,
                           OpenWin32MmapBackend(path, Win32MmapOptions{create_directory}));
  return UnmappedUnlessItWorks(std::move(backend), /*may_write=*/create_directory);
}

}  // namespace numpack
