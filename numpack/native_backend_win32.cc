#if !defined(_WIN32)
#error "built for Windows only"
#endif

#include "absl/status/status.h"
#include "numpack/native_backend.h"

namespace numpack {

// Until numpack/backends/win32_mmap is there, a store on Windows needs a backend of the caller's.
absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string&, bool) {
  return absl::UnimplementedError(
      "this version has no backend for Windows files: pass a Backend to NumPack::Open, such as "
      "NewMemoryBackend()");
}

}  // namespace numpack
