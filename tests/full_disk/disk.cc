#include "tests/full_disk/disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"

namespace numpack::full_disk {
namespace {

class MemoryDisk final : public Disk {
 public:
  absl::StatusOr<std::shared_ptr<Backend>> NewDirectory() override {
    MemoryBackendOptions options;
    options.capacity = kDiskBytes;
    return NewMemoryBackend(options);
  }
};

class FolderDisk final : public Disk {
 public:
  explicit FolderDisk(std::string root) : root_(std::move(root)) {}
  ~FolderDisk() override {
    std::error_code ignored;
    for (int i = 0; i < made_; ++i) std::filesystem::remove_all(Path(i), ignored);
  }
  absl::StatusOr<std::shared_ptr<Backend>> NewDirectory() override {
    return OpenPosixMmapBackend(Path(made_++));
  }

 private:
  std::string Path(int i) const { return absl::StrCat(root_, "/", i); }

  const std::string root_;
  int made_ = 0;
};

absl::Status CannotMount(const char* what) {
  return absl::UnimplementedError(
      absl::StrCat("no tmpfs can be mounted here: ", what, ": ", std::strerror(errno)));
}

// In a mount namespace of this process, so that nothing has to be unmounted.
absl::StatusOr<std::string> MountTmpfs() {
  const bool alone = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  if (!alone) return CannotMount("unshare");
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return CannotMount("private");
  const char* const temp = std::getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(temp != nullptr ? temp : "/tmp", "/full_disk_XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return CannotMount(path.c_str());
  const std::string size = absl::StrCat("size=", kDiskBytes);
  if (mount("tmpfs", path.c_str(), "tmpfs", 0, size.c_str()) == 0) return path;
  const absl::Status failed = CannotMount("mount");
  rmdir(path.c_str());
  return failed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> MakeDisk(DiskKind kind) {
  switch (kind) {
    case DiskKind::kMemory:
      return std::make_unique<MemoryDisk>();
    case DiskKind::kTmpfs: {
      static const auto* const mounted = new absl::StatusOr<std::string>(MountTmpfs());
      if (!mounted->ok()) return mounted->status();
      return std::make_unique<FolderDisk>(**mounted);
    }
    case DiskKind::kGiven: {
      const char* const given = std::getenv("NUMPACK_SMALL_DISK");
      if (given == nullptr)
        return absl::UnimplementedError("NUMPACK_SMALL_DISK names no directory on a small disk");
      return std::make_unique<FolderDisk>(given);
    }
  }
  return absl::InternalError("no such disk");
}

}  // namespace numpack::full_disk
