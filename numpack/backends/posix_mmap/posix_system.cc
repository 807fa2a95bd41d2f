#include "numpack/backends/posix_mmap/posix_system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/sysctl.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif
#if defined(__FreeBSD__)
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>

#include "numpack/backends/posix_mmap/posix_descriptor.h"
#include "numpack/backends/posix_mmap/posix_error.h"

namespace numpack {
namespace {

int ErrnoOf(int result) { return result < 0 ? errno : 0; }

#if !defined(__APPLE__)
// Writing zeros is what makes every file system allocate.
int WriteZeros(int fd, uint64_t from, uint64_t to) {
  static constexpr std::array<char, 64 * 1024> kZeros = {};
  while (from < to) {
    const size_t length = static_cast<size_t>(std::min<uint64_t>(kZeros.size(), to - from));
    const ssize_t written =
        RetryOnSignal([&] { return pwrite(fd, kZeros.data(), length, static_cast<off_t>(from)); });
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    from += static_cast<uint64_t>(written);
  }
  return 0;
}
#endif

#if defined(__APPLE__)
// fsync alone stops at the drive's cache there. Network volumes know nothing better, though.
int FullSync(int fd) {
  const int error = ErrnoOf(RetryOnSignal([&] { return fcntl(fd, F_FULLFSYNC); }));
  if (error != ENOTSUP && error != ENOTTY && error != EINVAL) return error;
  return ErrnoOf(RetryOnSignal([&] { return fsync(fd); }));
}

int GrowTo(int fd, uint64_t old_size, uint64_t size) {
  fstore_t request = {};
  request.fst_flags = F_ALLOCATEALL;
  request.fst_posmode = F_PEOFPOSMODE;
  request.fst_length = static_cast<off_t>(size - old_size);
  if (RetryOnSignal([&] { return fcntl(fd, F_PREALLOCATE, &request); }) < 0) return errno;
  return ErrnoOf(RetryOnSignal([&] { return ftruncate(fd, static_cast<off_t>(size)); }));
}
#else
int GrowTo(int fd, uint64_t old_size, uint64_t size) { return WriteZeros(fd, old_size, size); }
#endif

}  // namespace

int SyncContents(int fd) {
#if defined(__APPLE__)
  return FullSync(fd);
#elif defined(__linux__)
  return ErrnoOf(RetryOnSignal([&] { return fdatasync(fd); }));
#else
  return ErrnoOf(RetryOnSignal([&] { return fsync(fd); }));
#endif
}

int SyncEntries(int fd) {
#if defined(__APPLE__)
  return FullSync(fd);
#else
  return ErrnoOf(RetryOnSignal([&] { return fsync(fd); }));
#endif
}

int RenameToFreeName(int from_directory, const char* from, int to_directory, const char* to) {
#if defined(__linux__)
  // By number, because not every C library has a function for it.
  constexpr unsigned int kNoReplace = 1;
  const int error = ErrnoOf(
      static_cast<int>(syscall(SYS_renameat2, from_directory, from, to_directory, to, kNoReplace)));
  if (error != EINVAL && error != ENOSYS && error != EOPNOTSUPP) return error;
#elif defined(__APPLE__)
  const int error = ErrnoOf(renameatx_np(from_directory, from, to_directory, to, RENAME_EXCL));
  if (error != ENOTSUP && error != EINVAL) return error;
#endif
  // A system or a file system that cannot do it in one step. Whoever renames files of a store has
  // it locked, so nobody else makes that file in between.
  struct stat info;
  if (fstatat(to_directory, to, &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return ErrnoOf(renameat(from_directory, from, to_directory, to));
}

int AllocateBlocks(int fd, uint64_t size) {
#if defined(__linux__)
  // Not posix_fallocate: where the file system has no support, glibc imitates it by writing to
  // blocks that another thread may be storing to.
  const int error =
      ErrnoOf(RetryOnSignal([&] { return fallocate(fd, 0, 0, static_cast<off_t>(size)); }));
  return error == ENOSYS ? EOPNOTSUPP : error;
#elif defined(__FreeBSD__)
  const int error = posix_fallocate(fd, 0, static_cast<off_t>(size));
  return error == EINVAL ? EOPNOTSUPP : error;  // its word for "not on this file system" (ZFS)
#else
  (void)fd, (void)size;
  return EOPNOTSUPP;
#endif
}

int GrowWithBlocks(int fd, uint64_t size) {
  struct stat info;
  if (fstat(fd, &info) != 0) return errno;
  const uint64_t old_size = static_cast<uint64_t>(info.st_size);
  return old_size >= size ? 0 : GrowTo(fd, old_size, size);
}

bool IsOnLocalFileSystem(int fd) {
#if defined(__linux__)
  struct statfs info;
  if (RetryOnSignal([&] { return fstatfs(fd, &info); }) != 0) return false;
  // From linux/magic.h and statfs(2), which not every C library has in full.
  constexpr uint32_t kNetwork[] = {
      0x00006969,  // NFS
      0x0000517B,  // SMB
      0xFE534D42,  // SMB 2
      0xFF534D42,  // CIFS
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x73757245,  // Coda
      0x0BD00BD0,  // Lustre
      0x01161970,  // GFS2
      0x7461636F,  // OCFS2
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x65735546,  // FUSE: sshfs, GlusterFS and the like; it does not tell which
  };
  return std::find(std::begin(kNetwork), std::end(kNetwork), static_cast<uint32_t>(info.f_type)) ==
         std::end(kNetwork);
#elif defined(__APPLE__) || defined(__FreeBSD__)
  struct statfs info;
  return RetryOnSignal([&] { return fstatfs(fd, &info); }) == 0 && (info.f_flags & MNT_LOCAL) != 0;
#else
  (void)fd;
  return true;
#endif
}

int PopulateForWriting(void* start, size_t length) {
#if defined(__linux__) && defined(MADV_POPULATE_WRITE)
  const int error =
      ErrnoOf(RetryOnSignal([&] { return madvise(start, length, MADV_POPULATE_WRITE); }));
  if (error == EINVAL) return 0;  // a kernel before 5.14
  return error == EFAULT ? ENOSPC
                         : error;  // a store would have raised SIGBUS: no block behind a page
#else
  (void)start, (void)length;
  return 0;
#endif
}

bool DataLimitAllows(size_t bytes) {
#if defined(__linux__)
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return true;
  const Descriptor file(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text = {};
  if (!file.valid() || read(file.get(), text.data(), text.size() - 1) <= 0) return true;
  unsigned long long data = 0;  // in pages; the sixth figure, with the stack
  if (std::sscanf(text.data(), "%*u %*u %*u %*u %*u %llu", &data) != 1) return true;
  const unsigned long long used = data * PageSize();
  return used <= limit.rlim_cur && bytes <= limit.rlim_cur - used;
#else
  (void)bytes;
  return true;
#endif
}

std::string SystemBootId() {
#if defined(__linux__)
  const Descriptor file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 36> id;
  if (!file.valid() || read(file.get(), id.data(), id.size()) != static_cast<ssize_t>(id.size()))
    return "";
  return std::string(id.data(), id.size());
#elif defined(__APPLE__)
  std::array<char, 64> id = {};
  size_t length = id.size() - 1;
  if (sysctlbyname("kern.bootsessionuuid", id.data(), &length, nullptr, 0) != 0) return "";
  return std::string(id.data());
#else
  return "";
#endif
}

size_t PageSize() {
  static const size_t kSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return kSize;
}

}  // namespace numpack
