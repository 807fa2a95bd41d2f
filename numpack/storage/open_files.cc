#include "numpack/storage/open_files.h"

#include "numpack/base/status_macros.h"

namespace numpack::storage {

OpenFiles::Handle::~Handle() {
  absl::MutexLock lock(&files_.mu_);
  if (file_ != nullptr) files_.used_.erase(place_);
}

absl::StatusOr<std::shared_ptr<File>> OpenFiles::Handle::Get(OpenMode mode) {
  std::shared_ptr<File> closed;  // outlives the lock
  absl::MutexLock lock(&files_.mu_);
  if (file_ != nullptr) {
    files_.used_.splice(files_.used_.begin(), files_.used_, place_);
    return file_;
  }
  NUMPACK_ASSIGN_OR_RETURN(file_, files_.backend_->Open(name_, mode));
  files_.used_.push_front(this);
  place_ = files_.used_.begin();
  if (files_.used_.size() > files_.limit_) {
    closed = std::move(files_.used_.back()->file_);
    files_.used_.pop_back();
  }
  return file_;
}

}  // namespace numpack::storage
