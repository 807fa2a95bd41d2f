#include "numpack/backends/win32_mmap/win32_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_lock.h"
#include "numpack/backends/win32_mmap/win32_open_file.h"
#include "numpack/backends/win32_mmap/win32_region.h"
#include "numpack/backends/win32_mmap/win32_system.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// Bytes for one call, whose lengths have 32 bits.
constexpr size_t kMaxTransfer = size_t{1} << 30;

// A gathered write: Windows gathers pages only, so small pieces go through a buffer.
class PieceWriter {
 public:
  PieceWriter(HANDLE file, uint64_t offset) : file_(file), offset_(offset) {}

  Win32Error Write(absl::Span<const std::byte> piece) {
    if (piece.size() > buffer_.size() - used_) {
      const Win32Error error = Finish();
      if (error != ERROR_SUCCESS) return error;
    }
    if (piece.size() >= buffer_.size()) return WriteOut(piece);
    if (!piece.empty()) std::memcpy(buffer_.data() + used_, piece.data(), piece.size());
    used_ += piece.size();
    return ERROR_SUCCESS;
  }

  Win32Error Finish() {
    const size_t used = used_;
    used_ = 0;
    return WriteOut(absl::MakeConstSpan(buffer_.data(), used));
  }

 private:
  Win32Error WriteOut(absl::Span<const std::byte> bytes) {
    while (!bytes.empty()) {
      size_t written = 0;
      const Win32Error error = WriteOnce(file_, offset_, bytes.data(), bytes.size(), written);
      if (error != ERROR_SUCCESS) return error;
      offset_ += written;
      bytes.remove_prefix(written);
    }
    return ERROR_SUCCESS;
  }

  const HANDLE file_;
  uint64_t offset_;  // where the buffer belongs
  size_t used_ = 0;  // of the buffer
  std::array<std::byte, 16 * 1024> buffer_;
};

// Gets space for [0, size) of a file that ends at `old_size`, and moves the end there. A file of
// NTFS that is neither sparse nor compressed has all the space that its size says.
Win32Error Grow(const Win32OpenFile& file, uint64_t old_size, uint64_t size) {
  const HANDLE handle = file.handle.get();
  const Win32Error error = AllocateSpace(handle, size);
  if (error == ERROR_SUCCESS) return SetSize(handle, size);
  if (error != ERROR_NOT_SUPPORTED) return error;
  // Not known before the last zero is written, unless it is asked first.
  uint64_t free_bytes = 0;
  if (FreeBytesAt(file.directory, free_bytes) == ERROR_SUCCESS && size - old_size > free_bytes)
    return ERROR_DISK_FULL;
  return WriteZeros(handle, old_size, size);
}

}  // namespace

// Closing releases the locks too, but at a time of the system's choosing.
Win32File::~Win32File() {
  for (const Range& range : locks_) UnlockFileRange(file_.handle.get(), range.first, range.second);
}

absl::StatusOr<uint64_t> Win32File::Size() {
  uint64_t size = 0;
  const Win32Error error = GetSize(file_.handle.get(), size);
  if (error != ERROR_SUCCESS)
    return Win32ErrorToStatus(error, "cannot tell the size of", description());
  return size;
}

absl::Status Win32File::Reserve(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("reserve space"));
  Win32Error error = ERROR_SUCCESS;
  if (size > kMaxOffset) {
    error = ERROR_FILE_TOO_LARGE;
  } else {
    absl::MutexLock lock(&file_.inode->growth_mutex);
    uint64_t old_size = 0;
    error = GetSize(file_.handle.get(), old_size);
    if (error == ERROR_SUCCESS && old_size < size) error = Grow(file_, old_size, size);
  }
  return error == ERROR_SUCCESS
             ? absl::OkStatus()
             : Win32ErrorToStatus(error, "cannot reserve space in", description());
}

absl::Status Win32File::Truncate(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("truncate"));
  Win32Error error = ERROR_FILE_TOO_LARGE;
  if (size <= kMaxOffset) {
    absl::MutexLock lock(&file_.inode->growth_mutex);
    error = SetSize(file_.handle.get(), size);
  }
  return error == ERROR_SUCCESS ? absl::OkStatus()
                                : Win32ErrorToStatus(error, "cannot truncate", description());
}

absl::Status Win32File::ReadAt(uint64_t offset, absl::Span<std::byte> to) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description(), offset, to.size()));
  const bool expressible = end <= kMaxOffset;
  for (size_t done = 0; done < to.size();) {
    OVERLAPPED position = {};
    position.Offset = static_cast<DWORD>(offset + done);
    position.OffsetHigh = static_cast<DWORD>((offset + done) >> 32);
    const DWORD length = static_cast<DWORD>(std::min(to.size() - done, kMaxTransfer));
    DWORD got = 0;
    if (expressible &&
        ReadFile(file_.handle.get(), to.data() + done, length, &got, &position) == 0) {
      const DWORD error = GetLastError();
      if (error != ERROR_HANDLE_EOF) return Win32ErrorToStatus(error, "cannot read", description());
    }
    if (got == 0) {
      NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, Size());
      return PastEndError(description(), offset, to.size(), size);
    }
    done += got;
  }
  return absl::OkStatus();
}

absl::Status Win32File::WriteAt(uint64_t offset,
                                absl::Span<const absl::Span<const std::byte>> pieces) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("write"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description(), offset, pieces));
  if (end > kMaxOffset)
    return Win32ErrorToStatus(ERROR_FILE_TOO_LARGE, "cannot write", description());
  absl::ReaderMutexLock lock(&file_.inode->growth_mutex);
  PieceWriter writer(file_.handle.get(), offset);
  Win32Error error = ERROR_SUCCESS;
  for (const absl::Span<const std::byte> piece : pieces) {
    error = writer.Write(piece);
    if (error != ERROR_SUCCESS) break;
  }
  if (error == ERROR_SUCCESS) error = writer.Finish();
  return error == ERROR_SUCCESS ? absl::OkStatus()
                                : Win32ErrorToStatus(error, "cannot write", description());
}

absl::StatusOr<MappedRegion> Win32File::Map(uint64_t offset, uint64_t length, MapMode mode) {
  if (mode == MapMode::kReadWrite) NUMPACK_RETURN_IF_ERROR(CheckWritable("map writable"));
  NUMPACK_RETURN_IF_ERROR(RangeEnd(description(), offset, length).status());
  if (length == 0) return MappedRegion();
  return MapWin32File(file_, offset, length, mode);
}

absl::Status Win32File::Sync() {
  Win32Error error = ERROR_SUCCESS;
  {
    absl::ReaderMutexLock lock(&file_.inode->views_mutex);
    for (const auto& [start, length] : file_.inode->writable_views) {
      error = FlushView(start, length);
      if (error != ERROR_SUCCESS) break;
    }
  }
  if (error == ERROR_SUCCESS) error = FlushFile();
  return error == ERROR_SUCCESS ? absl::OkStatus()
                                : Win32ErrorToStatus(error, "cannot sync", description());
}

// Others may have written what a File that was opened for reading is to make durable. Flushing
// needs a handle that may write.
Win32Error Win32File::FlushFile() const {
  if (file_.writable) return FlushBuffers(file_.handle.get());
  const Handle writable(ReOpenFile(file_.handle.get(), GENERIC_WRITE,
                                   FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, 0));
  return writable.valid() ? FlushBuffers(writable.get()) : Win32Error{GetLastError()};
}

absl::Status Win32File::Lock(uint64_t offset, uint64_t length, LockKind kind,
                             absl::Duration max_wait) {
  if (kind == LockKind::kExclusive) NUMPACK_RETURN_IF_ERROR(CheckWritable("lock exclusively"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description(), offset, length));
  if (end > kMaxOffset) return absl::InvalidArgumentError("a lock cannot reach beyond 2^63 - 1");
  const Win32Error error = LockFileRange(file_.handle.get(), offset, length, kind, max_wait);
  if (error == ERROR_SUCCESS) {
    absl::MutexLock lock(&locks_mutex_);
    locks_.insert({offset, length});
    return absl::OkStatus();
  }
  if (error == ERROR_LOCK_VIOLATION) return LockHeldError(description(), offset, length);
  return Win32ErrorToStatus(error, "cannot lock", description());
}

absl::Status Win32File::Unlock(uint64_t offset, uint64_t length) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description(), offset, length));
  if (end > kMaxOffset) return absl::InvalidArgumentError("a lock cannot reach beyond 2^63 - 1");
  {
    absl::MutexLock lock(&locks_mutex_);
    if (locks_.erase({offset, length}) == 0) return absl::OkStatus();  // held by nobody here
  }
  const Win32Error error = UnlockFileRange(file_.handle.get(), offset, length);
  return error == ERROR_SUCCESS ? absl::OkStatus()
                                : Win32ErrorToStatus(error, "cannot unlock", description());
}

absl::Status Win32File::CheckWritable(const char* action) const {
  return file_.writable ? absl::OkStatus() : OpenedReadOnlyError(description(), action);
}

}  // namespace numpack
