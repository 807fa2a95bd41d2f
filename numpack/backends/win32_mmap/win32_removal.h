// Removing files that somebody may have open or mapped, so that their names are free at once.
//
// Windows keeps the name of an open file that was deleted until its last handle is closed, and
// refuses to delete a mapped one. So a file is first given a name that no store uses, and deleted
// then, or as soon as that is possible: when this process unmaps something, removes something, or
// opens the directory. Until then the file lies in the directory and is listed by nobody.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REMOVAL_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REMOVAL_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>  // wide ones, which Abseil does not have
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/win32_mmap/win32_error.h"

namespace numpack {

// Whether a file's name says that it has been removed.
bool IsRemovedName(std::wstring_view name);

// What has been removed from a directory and is still there. Thread-safe. Shared with the mapped
// regions, which outlive the backend.
class Removals {
 public:
  // `directory`: its path, in the form of AbsolutePath.
  explicit Removals(std::wstring directory);

  // Removes the file `name`; when this returns ERROR_SUCCESS the name is free.
  Win32Error Remove(const std::wstring& name);

  // Deletes what can be deleted by now. Next to free when there is nothing.
  void Sweep();

  // As Sweep, for all that processes left that have ended since.
  void SweepDirectory();

 private:
  const std::wstring directory_;
  absl::Mutex mutex_;
  std::vector<std::wstring> pending_ ABSL_GUARDED_BY(mutex_);  // paths
  std::atomic<size_t> pending_count_{0};                       // its size
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REMOVAL_H_
