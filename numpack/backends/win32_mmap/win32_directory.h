// Opening, making and reading directories.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_DIRECTORY_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_DIRECTORY_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/win32_mmap/win32_handle.h"

namespace numpack {

// Opens the directory at `path` (UTF-8); with `create`, makes it and its parents when absent,
// durably. NotFound, FailedPrecondition (not a directory), PermissionDenied, ... As long as the
// handle is open nobody can rename or remove the directory.
absl::StatusOr<Handle> OpenDirectory(const std::string& path, bool create);

// Makes the entries of the directory at `path` (as AbsolutePath gives it) durable. `description` is
// for messages.
absl::Status SyncEntries(const std::wstring& path, const std::string& description);

// The names of the plain files in the directory at `path`, in UTF-8, without what Removals keeps.
absl::StatusOr<std::vector<std::string>> ListPlainFiles(const std::wstring& path,
                                                        const std::string& description);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_DIRECTORY_H_
