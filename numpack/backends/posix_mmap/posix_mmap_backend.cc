#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include "numpack/backends/posix_mmap/posix_mmap_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/posix_mmap/posix_descriptor.h"
#include "numpack/backends/posix_mmap/posix_directory.h"
#include "numpack/backends/posix_mmap/posix_error.h"
#include "numpack/backends/posix_mmap/posix_file.h"
#include "numpack/backends/posix_mmap/posix_lock.h"
#include "numpack/backends/posix_mmap/posix_open_file.h"
#include "numpack/backends/posix_mmap/posix_system.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

int OpenFlags(OpenMode mode) {
  // O_NONBLOCK: opening must not hang when the name turns out to be a pipe. Plain files ignore it.
  constexpr int kCommon = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY | kCommon;
    case OpenMode::kReadWrite:
      return O_RDWR | kCommon;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | kCommon;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL | kCommon;
  }
  return O_RDONLY | kCommon;
}

// Finds the PosixInode of a file that is open or mapped already. Thread-safe.
class InodeTable {
 public:
  std::shared_ptr<PosixInode> Get(const struct stat& info) {
    absl::MutexLock lock(&mutex_);
    if (inodes_.size() >= sweep_at_) Sweep();
    std::weak_ptr<PosixInode>& known = inodes_[{info.st_dev, info.st_ino}];
    std::shared_ptr<PosixInode> inode = known.lock();
    if (inode == nullptr) known = inode = std::make_shared<PosixInode>();
    return inode;
  }

 private:
  // Forgets files that nobody has open. Rare enough that opening stays cheap however many files
  // there are.
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = inodes_.begin(); it != inodes_.end();) {
      it = it->second.expired() ? inodes_.erase(it) : std::next(it);
    }
    sweep_at_ = std::max(kFirstSweep, 2 * inodes_.size());
  }

  static constexpr size_t kFirstSweep = 64;

  absl::Mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<PosixInode>> inodes_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = kFirstSweep;
};

class PosixMmapBackend final : public Backend {
 public:
  PosixMmapBackend(Descriptor directory, std::string path, std::string identity)
      : directory_(std::move(directory)),
        path_(std::move(path)),
        identity_(std::move(identity)),
        local_(IsOnLocalFileSystem(directory_.get())) {}

  BackendCapabilities capabilities() const override {
    BackendCapabilities capabilities;
    capabilities.mappings = true;
    capabilities.shared_mappings = local_;
    capabilities.process_locks = HaveFileLocks();
    capabilities.durable_sync = true;
    capabilities.foreign_files = true;
    return capabilities;
  }

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    return OpenIn(directory_.get(), std::string(name), name, OpenFlags(mode));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(CheckForeignOpen(path_, name, mode));
    NUMPACK_ASSIGN_OR_RETURN(const Place place, Locate(name));
    return OpenIn(place.directory, place.name, name, OpenFlags(mode) | O_NOFOLLOW);
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(from));
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(to));
    NUMPACK_ASSIGN_OR_RETURN(const Place source, Locate(from));
    NUMPACK_ASSIGN_OR_RETURN(const Place target, Locate(to));
    const int error = RenameToFreeName(source.directory, source.name.c_str(), target.directory,
                                       target.name.c_str());
    return error == 0
               ? absl::OkStatus()
               : ErrnoToStatus(error, "cannot rename", absl::StrCat(path_, "/", from, " to ", to));
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    NUMPACK_ASSIGN_OR_RETURN(std::vector<std::string> names, ListPlainFiles(directory_, path_));
    // A removed directory can still be read, and is empty: not to be mistaken for one without
    // files.
    if (names.empty()) NUMPACK_RETURN_IF_ERROR(CheckPresent());
    return names;
  }

  absl::Status Remove(absl::string_view name) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    const std::string c_name(name);
    if (unlinkat(directory_.get(), c_name.c_str(), 0) == 0) return absl::OkStatus();
    return ErrnoToStatus(errno, "cannot remove", absl::StrCat(path_, "/", name));
  }

  absl::Status SyncDirectory() override {
    const int error = SyncEntries(directory_.get());
    return error == 0 ? absl::OkStatus() : ErrnoToStatus(error, "cannot sync directory", path_);
  }

  absl::Status CheckPresent() override {
    struct stat info;
    if (fstat(directory_.get(), &info) != 0)
      return ErrnoToStatus(errno, "cannot see directory", path_);
    return info.st_nlink > 0 ? absl::OkStatus()
                             : ErrnoToStatus(ENOENT, "cannot find directory", path_);
  }

  absl::StatusOr<uint64_t> FreeSpace() override {
    struct statvfs info;
    if (RetryOnSignal([&] { return fstatvfs(directory_.get(), &info); }) != 0) {
      return ErrnoToStatus(errno, "cannot tell the free space of", path_);
    }
    const std::optional<uint64_t> bytes = CheckedMultiply(info.f_bavail, info.f_frsize);
    return bytes.value_or(kMaxOffset);
  }

  std::string BootId() override { return SystemBootId(); }
  std::string Identity() const override { return identity_; }
  std::string Describe() const override { return path_; }

 private:
  // Where a foreign name leads: `name` in the directory, or in a folder of it that this holds open.
  struct Place {
    Descriptor folder;
    int directory = -1;
    std::string name;
  };

  absl::StatusOr<Place> Locate(absl::string_view foreign_name) const {
    const size_t slash = foreign_name.find('/');
    if (slash == absl::string_view::npos) {
      return Place{Descriptor(), directory_.get(), std::string(foreign_name)};
    }
    const std::string folder(foreign_name.substr(0, slash));
    // A link here could lead anywhere.
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Place place;
    place.folder =
        Descriptor(RetryOnSignal([&] { return openat(directory_.get(), folder.c_str(), kFlags); }));
    if (!place.folder.valid())
      return ErrnoToStatus(errno, "cannot open folder", absl::StrCat(path_, "/", folder));
    place.directory = place.folder.get();
    place.name = std::string(foreign_name.substr(slash + 1));
    return place;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenIn(int directory, const std::string& name,
                                               absl::string_view full_name, int flags) {
    auto file = std::make_shared<PosixOpenFile>();
    file->description = absl::StrCat(path_, "/", full_name);
    file->writable = (flags & O_ACCMODE) != O_RDONLY;
    file->descriptor =
        Descriptor(RetryOnSignal([&] { return openat(directory, name.c_str(), flags, 0666); }));
    struct stat info;
    if (!file->descriptor.valid() || fstat(file->descriptor.get(), &info) != 0) {
      return ErrnoToStatus(errno, "cannot open", file->description);
    }
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(file->description, " is not a plain file"));
    }
    file->inode = inodes_.Get(info);
    return std::make_unique<PosixFile>(std::move(file));
  }

  const Descriptor directory_;
  const std::string path_;
  const std::string identity_;
  const bool local_;
  InodeTable inodes_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Backend>> OpenPosixMmapBackend(const std::string& path,
                                                              PosixMmapOptions options) {
  NUMPACK_ASSIGN_OR_RETURN(Descriptor directory, OpenDirectory(path, options.create_directory));
  struct stat info;
  if (fstat(directory.get(), &info) != 0)
    return ErrnoToStatus(errno, "cannot open directory", path);
  // No other directory can have the same numbers as long as this descriptor is open.
  std::string identity = absl::StrCat("posix:", static_cast<uint64_t>(info.st_dev), ":",
                                      static_cast<uint64_t>(info.st_ino));
  return std::make_shared<PosixMmapBackend>(std::move(directory), path, std::move(identity));
}

}  // namespace numpack
