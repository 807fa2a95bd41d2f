// ReadOnlyBackend: another backend's directory, in which nothing can be changed through this one.
//
// Files that are asked for to be read and written are opened for reading only, so that code which
// would write only later, if at all, need not know. What changes a file or a name, or makes one, is
// PermissionDenied. So a store over it writes no byte, whatever it does.
#ifndef NUMPACK_STORAGE_READ_ONLY_BACKEND_H_
#define NUMPACK_STORAGE_READ_ONLY_BACKEND_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"

namespace numpack::storage {

std::shared_ptr<Backend> NewReadOnlyBackend(std::shared_ptr<Backend> inner);

// What a change of a store that is open for reading only fails with. `directory` is
// Backend::Describe().
absl::Status ReadOnlyError(absl::string_view directory);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_READ_ONLY_BACKEND_H_
