#include "numpack/backends/posix_mmap/posix_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/posix_mmap/posix_descriptor.h"
#include "numpack/backends/posix_mmap/posix_error.h"
#include "numpack/backends/posix_mmap/posix_system.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

struct CloseDir {
  void operator()(DIR* stream) const { closedir(stream); }
};

Descriptor TryOpen(const std::string& path) {
  return Descriptor(RetryOnSignal([&] { return open(path.c_str(), kOpenFlags); }));
}

// "." for a plain name. `path` has no slash at its end.
std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  const size_t end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

std::string WithoutTrailingSlashes(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  return end == std::string::npos ? path : path.substr(0, end + 1);
}

// Makes one directory and its entry in the parent durable. Someone else may make it at the same
// time.
absl::Status MakeOne(const std::string& path, const std::string& parent) {
  if (mkdir(path.c_str(), 0777) != 0) {
    return errno == EEXIST ? absl::OkStatus() : ErrnoToStatus(errno, "cannot make directory", path);
  }
  const Descriptor holder = TryOpen(parent);
  if (!holder.valid()) {
    // Making entries where one may not look is allowed (drop boxes); syncing them is not.
    return errno == EACCES ? absl::OkStatus()
                           : ErrnoToStatus(errno, "cannot open directory", parent);
  }
  const int error = SyncEntries(holder.get());
  return error == 0 ? absl::OkStatus() : ErrnoToStatus(error, "cannot sync directory", parent);
}

// Makes `path` and what is missing above it.
absl::Status MakeAll(const std::string& path) {
  std::vector<std::string> missing = {path};
  for (;;) {
    const std::string parent = ParentOf(missing.back());
    struct stat info;
    if (stat(parent.c_str(), &info) == 0 || errno != ENOENT || parent == missing.back()) break;
    missing.push_back(parent);
  }
  for (; !missing.empty(); missing.pop_back()) {
    NUMPACK_RETURN_IF_ERROR(MakeOne(missing.back(), ParentOf(missing.back())));
  }
  return absl::OkStatus();
}

bool IsPlainFile(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_REG;
  struct stat info;
  return fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

absl::StatusOr<Descriptor> OpenDirectory(const std::string& path, bool create) {
  if (path.empty()) return absl::InvalidArgumentError("the path of the directory is empty");
  if (path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("the path of the directory has a zero byte in it");
  }
  Descriptor directory = TryOpen(path);
  if (!directory.valid() && errno == ENOENT && create) {
    NUMPACK_RETURN_IF_ERROR(MakeAll(WithoutTrailingSlashes(path)));
    directory = TryOpen(path);
  }
  if (!directory.valid()) return ErrnoToStatus(errno, "cannot open directory", path);
  return directory;
}

absl::StatusOr<std::vector<std::string>> ListPlainFiles(const Descriptor& directory,
                                                        const std::string& path) {
  // Opened anew: a duplicate would share its read position with every other listing at the same
  // time.
  Descriptor own(RetryOnSignal([&] { return openat(directory.get(), ".", kOpenFlags); }));
  if (!own.valid()) return ErrnoToStatus(errno, "cannot list directory", path);
  const std::unique_ptr<DIR, CloseDir> stream(fdopendir(own.get()));
  if (stream == nullptr) return ErrnoToStatus(errno, "cannot list directory", path);
  const int fd = own.Release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) break;
    if (IsPlainFile(fd, *entry)) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return ErrnoToStatus(errno, "cannot list directory", path);
  return names;
}

}  // namespace numpack
