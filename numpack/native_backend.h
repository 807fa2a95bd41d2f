// The backend of the system that the library was built for. The one place that chooses:
// //numpack:native_backend.
#ifndef NUMPACK_NATIVE_BACKEND_H_
#define NUMPACK_NATIVE_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"

namespace numpack {

// Opens the directory `path` (UTF-8). NotFound when it is absent and not to be created;
// FailedPrecondition when it is no directory. Where the system gives no shared mappings (on network
// file systems, say) it is tried out whether there are mappings at all: if not, the backend claims
// none. The attempt writes to the directory only where that may be created.
absl::StatusOr<std::shared_ptr<Backend>> OpenNativeBackend(const std::string& path,
                                                           bool create_directory);

}  // namespace numpack

#endif  // NUMPACK_NATIVE_BACKEND_H_
