#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include "numpack/backends/win32_mmap/win32_mmap_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_directory.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_file.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_name.h"
#include "numpack/backends/win32_mmap/win32_open_file.h"
#include "numpack/backends/win32_mmap/win32_removal.h"
#include "numpack/backends/win32_mmap/win32_system.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

OpenRequest RequestFor(OpenMode mode) {
  OpenRequest request;
  request.access = mode == OpenMode::kReadOnly ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
  switch (mode) {
    case OpenMode::kReadOnly:
    case OpenMode::kReadWrite:
      request.disposition = OPEN_EXISTING;
      break;
    case OpenMode::kCreate:
      request.disposition = OPEN_ALWAYS;
      break;
    case OpenMode::kCreateNew:
      request.disposition = CREATE_NEW;
      break;
  }
  return request;
}

// Finds the Win32Inode of a file that is open or mapped already. Thread-safe.
class InodeTable {
 public:
  std::shared_ptr<Win32Inode> Get(const FileId& id) {
    absl::MutexLock lock(&mutex_);
    if (inodes_.size() >= sweep_at_) Sweep();
    std::weak_ptr<Win32Inode>& known = inodes_[id];
    std::shared_ptr<Win32Inode> inode = known.lock();
    if (inode == nullptr) known = inode = std::make_shared<Win32Inode>();
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
  std::map<FileId, std::weak_ptr<Win32Inode>> inodes_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = kFirstSweep;
};

class Win32MmapBackend final : public Backend {
 public:
  Win32MmapBackend(Handle directory, std::wstring wide_path, std::string path, std::string identity)
      : directory_(std::move(directory)),
        wide_path_(std::move(wide_path)),
        path_(std::move(path)),
        identity_(std::move(identity)),
        local_(IsOnLocalVolume(wide_path_)),
        removals_(std::make_shared<Removals>(wide_path_)) {
    removals_->SweepDirectory();
  }
  ~Win32MmapBackend() override { removals_->Sweep(); }

  BackendCapabilities capabilities() const override {
    BackendCapabilities capabilities;
    capabilities.mappings = true;
    capabilities.shared_mappings = local_;
    capabilities.process_locks = true;
    capabilities.durable_sync = true;
    capabilities.foreign_files = true;
    return capabilities;
  }

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    return OpenPath(Path(name), name, RequestFor(mode));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(CheckForeignOpen(path_, name, mode));
    NUMPACK_ASSIGN_OR_RETURN(const Place place, Locate(name));
    NUMPACK_RETURN_IF_ERROR(CheckIsNoLink(place.path, name, nullptr));
    return OpenPath(place.path, name, RequestFor(mode));
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(from));
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(to));
    NUMPACK_ASSIGN_OR_RETURN(const Place source, Locate(from));
    NUMPACK_ASSIGN_OR_RETURN(const Place target, Locate(to));
    OpenRequest request;
    request.access = DELETE | SYNCHRONIZE;
    request.flags = FILE_FLAG_OPEN_REPARSE_POINT;
    Handle file;
    Win32Error error = OpenHandle(source.path, request, file);
    // Windows takes a file's own name for free.
    if (error == ERROR_SUCCESS && from == to) error = ERROR_ALREADY_EXISTS;
    if (error == ERROR_SUCCESS) error = RenameHandle(file.get(), target.path);
    return error == ERROR_SUCCESS
               ? absl::OkStatus()
               : FileError(error, "cannot rename", source.path, absl::StrCat(from, " to ", to));
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    NUMPACK_ASSIGN_OR_RETURN(std::vector<std::string> names, ListPlainFiles(wide_path_, path_));
    // Not to be mistaken for a directory without files.
    if (names.empty()) NUMPACK_RETURN_IF_ERROR(CheckPresent());
    return names;
  }

  absl::Status Remove(absl::string_view name) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    const Win32Error error = removals_->Remove(WideName(name));
    return error == ERROR_SUCCESS ? absl::OkStatus()
                                  : FileError(error, "cannot remove", Path(name), name);
  }

  absl::Status SyncDirectory() override { return SyncEntries(wide_path_, path_); }

  // The handle keeps others from removing the directory. What it cannot keep away: a disk that is
  // pulled out, and programs that go past Windows, as those beside Wine do.
  absl::Status CheckPresent() override {
    FILE_STANDARD_INFO info;
    if (GetFileInformationByHandleEx(directory_.get(), FileStandardInfo, &info, sizeof(info)) == 0)
      return Win32ErrorToStatus(GetLastError(), "cannot see directory", path_);
    if (info.DeletePending != 0 || info.NumberOfLinks == 0)
      return Win32ErrorToStatus(ERROR_PATH_NOT_FOUND, "cannot find directory", path_);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> FreeSpace() override {
    uint64_t bytes = 0;
    const Win32Error error = FreeBytesAt(wide_path_, bytes);
    if (error != ERROR_SUCCESS)
      return Win32ErrorToStatus(error, "cannot tell the free space of", path_);
    return bytes;
  }

  std::string BootId() override { return SystemBootId(); }
  std::string Identity() const override { return identity_; }
  std::string Describe() const override { return path_; }

 private:
  // Where a foreign name leads. A folder in between is held open, so that it stays what it is.
  struct Place {
    Handle folder;
    std::wstring path;
  };

  // Of a name that ValidateFileName has accepted, all of it ASCII.
  static std::wstring WideName(absl::string_view name) {
    return std::wstring(name.begin(), name.end());
  }
  std::wstring Path(absl::string_view name) const { return JoinPath(wide_path_, WideName(name)); }

  absl::StatusOr<Place> Locate(absl::string_view foreign_name) const {
    NUMPACK_ASSIGN_OR_RETURN(const std::wstring wide_name, ForeignNameToWide(foreign_name));
    Place place;
    place.path = JoinPath(wide_path_, wide_name);
    const size_t slash = foreign_name.find('/');
    if (slash == absl::string_view::npos) return place;
    // A link here could lead anywhere.
    NUMPACK_RETURN_IF_ERROR(
        CheckIsNoLink(ParentOf(place.path), foreign_name.substr(0, slash), &place.folder));
    return place;
  }

  // FailedPrecondition for links: symbolic ones and what else stands for another name. Leaves what
  // it looked at open in `handle`, unless that is null.
  absl::Status CheckIsNoLink(const std::wstring& path, absl::string_view name,
                             Handle* handle) const {
    OpenRequest request;
    request.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    request.flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    if (handle != nullptr) request.sharing = FILE_SHARE_READ | FILE_SHARE_WRITE;
    Handle opened;
    Win32Error error = OpenHandle(path, request, opened);
    FILE_ATTRIBUTE_TAG_INFO info = {};
    if (error == ERROR_SUCCESS && GetFileInformationByHandleEx(opened.get(), FileAttributeTagInfo,
                                                               &info, sizeof(info)) == 0) {
      error = GetLastError();
    }
    if (error != ERROR_SUCCESS) return FileError(error, "cannot open", path, name);
    if ((info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
        IsReparseTagNameSurrogate(info.ReparseTag)) {
      return absl::FailedPreconditionError(absl::StrCat(path_, "/", name, " is a link"));
    }
    if (handle != nullptr) *handle = std::move(opened);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<File>> OpenPath(const std::wstring& path, absl::string_view name,
                                                 const OpenRequest& request) {
    Win32OpenFile file;
    file.description = absl::StrCat(path_, "/", name);
    file.directory = wide_path_;
    file.writable = (request.access & GENERIC_WRITE) != 0;
    file.removals = removals_;
    Win32Error error = OpenHandle(path, request, file.handle);
    FileId id;
    if (error == ERROR_SUCCESS) {
      if (GetFileType(file.handle.get()) != FILE_TYPE_DISK) return NotPlainError(name);
      error = GetFileId(file.handle.get(), id);
    }
    if (error != ERROR_SUCCESS) return FileError(error, "cannot open", path, name);
    file.inode = inodes_.Get(id);
    return std::make_unique<Win32File>(std::move(file));
  }

  // Windows says "access denied" when a directory is opened as a file.
  absl::Status FileError(Win32Error error, absl::string_view action, const std::wstring& path,
                         absl::string_view name) const {
    if (error == ERROR_ACCESS_DENIED && IsDirectory(path)) return NotPlainError(name);
    return Win32ErrorToStatus(error, action, absl::StrCat(path_, "/", name));
  }

  absl::Status NotPlainError(absl::string_view name) const {
    return absl::FailedPreconditionError(absl::StrCat(path_, "/", name, " is not a plain file"));
  }

  const Handle directory_;
  const std::wstring wide_path_;
  const std::string path_;
  const std::string identity_;
  const bool local_;
  InodeTable inodes_;
  const std::shared_ptr<Removals> removals_;
};

std::string IdentityOf(const FileId& id) {
  const absl::string_view number(reinterpret_cast<const char*>(id.second.data()), id.second.size());
  return absl::StrCat("win32:", id.first, ":", absl::BytesToHexString(number));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Backend>> OpenWin32MmapBackend(const std::string& path,
                                                              Win32MmapOptions options) {
  NUMPACK_ASSIGN_OR_RETURN(Handle directory, OpenDirectory(path, options.create_directory));
  FileId id;
  const Win32Error error = GetFileId(directory.get(), id);
  if (error != ERROR_SUCCESS) return Win32ErrorToStatus(error, "cannot open directory", path);
  // Links on the way are followed once, here. Some volumes cannot tell, such as memory disks.
  std::wstring wide_path = FinalPath(directory.get());
  if (wide_path.empty()) {
    NUMPACK_ASSIGN_OR_RETURN(wide_path, AbsolutePath(path));
  }
  return std::make_shared<Win32MmapBackend>(std::move(directory), std::move(wide_path), path,
                                            IdentityOf(id));
}

}  // namespace numpack
