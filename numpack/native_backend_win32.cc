#if !defined(_WIN32)
#error "built for Windows only"
#endif

#include "numpack/backends/win32_mmap/win32_mmap_backend.h"
#include "numpack/native_backend.h"

namespace numpack {

absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string& path,
                                                           bool create_directory) {
  return OpenWin32MmapBackend(path, Win32MmapOptions{create_directory});
}

}  // namespace numpack
