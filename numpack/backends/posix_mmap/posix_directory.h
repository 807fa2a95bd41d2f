// Opening, making and reading directories.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DIRECTORY_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DIRECTORY_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "numpack/backends/posix_mmap/posix_descriptor.h"

namespace numpack {

// Opens the directory at `path`; with `create`, makes it and its parents when absent, durably.
// NotFound, FailedPrecondition (not a directory), PermissionDenied, ...
absl::StatusOr<Descriptor> OpenDirectory(const std::string& path, bool create);

// The names of the plain files in `directory`; `path` is for messages.
absl::StatusOr<std::vector<std::string>> ListPlainFiles(const Descriptor& directory,
                                                        const std::string& path);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DIRECTORY_H_
