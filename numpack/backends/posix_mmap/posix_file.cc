#include "numpack/backends/posix_mmap/posix_file.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/posix_error.h"
#include "numpack/backends/posix_mmap/posix_lock.h"
#include "numpack/backends/posix_mmap/posix_open_file.h"
#include "numpack/backends/posix_mmap/posix_region.h"
#include "numpack/backends/posix_mmap/posix_system.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// Bytes for one call: macOS refuses 2 GiB and more where Linux just does less.
constexpr size_t kMaxTransfer = size_t{1} << 30;

// Pieces for one call. POSIX promises 16; every system at hand takes 1024 (IOV_MAX).
constexpr size_t kMaxPieces = 64;

// Walks the pieces of a gathered write, however the system cuts it.
class PieceCursor {
 public:
  using Vectors = std::array<iovec, kMaxPieces>;

  explicit PieceCursor(absl::Span<const absl::Span<const std::byte>> pieces) : pieces_(pieces) {
    SkipEmpty();
  }

  bool done() const { return pieces_.empty(); }

  // The next bytes to write, at least one; returns how many of `vectors` were filled.
  int Fill(Vectors& vectors) const {
    size_t used = 0;
    size_t room = kMaxTransfer;
    size_t skip = done_in_first_;
    for (const absl::Span<const std::byte> piece : pieces_) {
      if (used == vectors.size() || room == 0) break;
      const size_t length = std::min(piece.size() - skip, room);
      // writev never stores through the pointer; its type serves readv as well.
      vectors[used++] = {const_cast<std::byte*>(piece.data() + skip), length};
      room -= length;
      skip = 0;
    }
    return static_cast<int>(used);
  }

  void Advance(size_t written) {
    while (written > 0) {
      const size_t step = std::min(written, pieces_.front().size() - done_in_first_);
      done_in_first_ += step;
      written -= step;
      SkipEmpty();
    }
  }

 private:
  void SkipEmpty() {
    while (!pieces_.empty() && done_in_first_ == pieces_.front().size()) {
      pieces_.remove_prefix(1);
      done_in_first_ = 0;
    }
  }

  absl::Span<const absl::Span<const std::byte>> pieces_;
  size_t done_in_first_ = 0;
};

}  // namespace

// Closing releases the locks, unless the descriptor lives on: in a region, or in a forked child. So
// unlock, but never from that child, where it would take away the parent's lock. The system is
// asked who this is: a child that was not made by fork() does not know that it is one.
PosixFile::~PosixFile() {
  if (locked_by_.load(std::memory_order_relaxed) == getpid()) UnlockFileRange(fd(), 0, 0);
}

absl::StatusOr<uint64_t> PosixFile::Size() {
  struct stat info;
  if (fstat(fd(), &info) != 0)
    return ErrnoToStatus(errno, "cannot tell the size of", description());
  return static_cast<uint64_t>(info.st_size);
}

absl::Status PosixFile::Reserve(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("reserve space"));
  if (size == 0) return absl::OkStatus();
  int error = size > kMaxOffset ? EFBIG : AllocateBlocks(fd(), size);
  if (error == EOPNOTSUPP) {
    absl::MutexLock lock(&file_->inode->growth_mutex);
    error = GrowWithBlocks(fd(), size);
  }
  return error == 0 ? absl::OkStatus()
                    : ErrnoToStatus(error, "cannot reserve space in", description());
}

absl::Status PosixFile::Truncate(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("truncate"));
  if (size > kMaxOffset) return ErrnoToStatus(EFBIG, "cannot truncate", description());
  PosixInode& inode = *file_->inode;
  absl::MutexLock lock(&inode.mapping_mutex);
  if (!inode.mapped_ends.empty() && *inode.mapped_ends.rbegin() > size) {
    return LiveMappingError(description(), size, *inode.mapped_ends.rbegin());
  }
  if (RetryOnSignal([&] { return ftruncate(fd(), static_cast<off_t>(size)); }) == 0)
    return absl::OkStatus();
  return ErrnoToStatus(errno, "cannot truncate", description());
}

absl::Status PosixFile::ReadAt(uint64_t offset, absl::Span<std::byte> to) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description(), offset, to.size()));
  const bool expressible = end <= kMaxOffset;
  for (size_t done = 0; done < to.size();) {
    const size_t length = std::min(to.size() - done, kMaxTransfer);
    const ssize_t got = !expressible ? 0 : RetryOnSignal([&] {
      return pread(fd(), to.data() + done, length, static_cast<off_t>(offset + done));
    });
    if (got < 0) return ErrnoToStatus(errno, "cannot read", description());
    if (got == 0) {
      NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, Size());
      return PastEndError(description(), offset, to.size(), size);
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::WriteAt(uint64_t offset,
                                absl::Span<const absl::Span<const std::byte>> pieces) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("write"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description(), offset, pieces));
  if (end > kMaxOffset) return ErrnoToStatus(EFBIG, "cannot write", description());
  absl::ReaderMutexLock lock(&file_->inode->growth_mutex);
  PieceCursor cursor(pieces);
  PieceCursor::Vectors vectors;
  while (!cursor.done()) {
    const int count = cursor.Fill(vectors);
    const ssize_t written = RetryOnSignal(
        [&] { return pwritev(fd(), vectors.data(), count, static_cast<off_t>(offset)); });
    if (written < 0) return ErrnoToStatus(errno, "cannot write", description());
    if (written == 0) return ErrnoToStatus(ENOSPC, "cannot write", description());
    cursor.Advance(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::StatusOr<MappedRegion> PosixFile::Map(uint64_t offset, uint64_t length, MapMode mode) {
  if (mode == MapMode::kReadWrite) NUMPACK_RETURN_IF_ERROR(CheckWritable("map writable"));
  NUMPACK_RETURN_IF_ERROR(RangeEnd(description(), offset, length).status());
  if (length == 0) return MappedRegion();
  return MapPosixFile(file_, offset, length, mode);
}

absl::Status PosixFile::Sync() {
  const int error = SyncContents(fd());
  return error == 0 ? absl::OkStatus() : ErrnoToStatus(error, "cannot sync", description());
}

absl::Status PosixFile::Lock(uint64_t offset, uint64_t length, LockKind kind,
                             absl::Duration max_wait) {
  if (kind == LockKind::kExclusive) NUMPACK_RETURN_IF_ERROR(CheckWritable("lock exclusively"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description(), offset, length));
  if (!HaveFileLocks()) {
    return absl::UnimplementedError("this system has no locks that belong to an open file");
  }
  if (end > kMaxOffset) return absl::InvalidArgumentError("a lock cannot reach beyond 2^63 - 1");
  const int error = LockFileRange(fd(), static_cast<int64_t>(offset), static_cast<int64_t>(length),
                                  kind, max_wait);
  if (error == 0) {
    locked_by_.store(static_cast<int64_t>(ProcessId()), std::memory_order_relaxed);
    return absl::OkStatus();
  }
  if (error == EAGAIN) return LockHeldError(description(), offset, length);
  return ErrnoToStatus(error, "cannot lock", description());
}

absl::Status PosixFile::Unlock(uint64_t offset, uint64_t length) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description(), offset, length));
  if (end > kMaxOffset) return absl::InvalidArgumentError("a lock cannot reach beyond 2^63 - 1");
  const int error =
      UnlockFileRange(fd(), static_cast<int64_t>(offset), static_cast<int64_t>(length));
  return error == 0 ? absl::OkStatus() : ErrnoToStatus(error, "cannot unlock", description());
}

absl::Status PosixFile::CheckWritable(const char* action) const {
  return file_->writable ? absl::OkStatus() : OpenedReadOnlyError(description(), action);
}

}  // namespace numpack
