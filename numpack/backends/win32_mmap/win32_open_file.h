// What a file of this backend, and the mapped regions made from it, hold together.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_OPEN_FILE_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_OPEN_FILE_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_removal.h"

namespace numpack {

// Shared by all opens of one file (volume and number) through one backend, and by their mappings.
struct Win32Inode {
  // Shared by writes and by "look at the size, then map"; exclusive where the size is looked at and
  // then changed.
  absl::Mutex growth_mutex;

  // Held shared while the views are flushed, so that none goes meanwhile.
  absl::Mutex views_mutex;
  // Mappings for writing: start and length. FlushFileBuffers alone does not see what was stored
  // through them.
  std::set<std::pair<std::byte*, size_t>> writable_views ABSL_GUARDED_BY(views_mutex);
};

// One open.
struct Win32OpenFile {
  Handle handle;
  std::string description;
  std::wstring directory;  // where it lies, for questions about the volume
  bool writable = false;
  std::shared_ptr<Win32Inode> inode;
  std::shared_ptr<Removals> removals;  // of its backend
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_OPEN_FILE_H_
