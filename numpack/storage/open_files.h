// OpenFiles: keeps a bounded number of files open, those used last.
//
// A store has a file for each large array, and a process may have fewer files open than that. Each
// file that is closed here is opened again by name when it is needed. Thread-safe.
#ifndef NUMPACK_STORAGE_OPEN_FILES_H_
#define NUMPACK_STORAGE_OPEN_FILES_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace numpack::storage {

class OpenFiles {
 public:
  static constexpr size_t kDefaultLimit = 256;

  explicit OpenFiles(std::shared_ptr<Backend> backend, size_t limit = kDefaultLimit)
      : backend_(std::move(backend)), limit_(limit) {}
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  // One file. Must not outlive the OpenFiles.
  class Handle {
   public:
    Handle(OpenFiles& files, std::string name) : files_(files), name_(std::move(name)) {}
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    // The file, opened if it is not. Whoever has it may use it although it is closed here.
    absl::StatusOr<std::shared_ptr<File>> Get(OpenMode mode = OpenMode::kReadWrite);

   private:
    friend class OpenFiles;
    OpenFiles& files_;
    const std::string name_;
    std::shared_ptr<File> file_;          // guarded by files_.mu_; null: closed
    std::list<Handle*>::iterator place_;  // in files_.used_, while it is open
  };

 private:
  const std::shared_ptr<Backend> backend_;
  const size_t limit_;
  absl::Mutex mu_;
  std::list<Handle*> used_ ABSL_GUARDED_BY(mu_);  // the open ones; the last one used is the first
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_OPEN_FILES_H_
