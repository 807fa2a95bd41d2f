// File: one open file of a Backend. Offsets and lengths are in bytes, 64-bit and overflow-checked.
//
// Thread-safety: all methods may be called from several threads at once; overlapping writes are the
// caller's business. Ownership: destroying a File closes it and releases its locks; mapped regions
// made from it stay valid. Error codes: see backend.h.
#ifndef NUMPACK_BACKENDS_FILE_H_
#define NUMPACK_BACKENDS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/mapped_region.h"

namespace numpack {

enum class MapMode {
  kReadOnly,
  kReadWrite,  // shared: stores reach the file and every other mapping of it
};

enum class LockKind { kShared, kExclusive };

class File {
 public:
  virtual ~File() = default;
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // "<directory>/<name>", for messages.
  virtual const std::string& description() const = 0;

  virtual absl::StatusOr<uint64_t> Size() = 0;

  // Makes sure that [0, size) exists and has blocks behind it, so that a later store through a
  // mapping cannot fail for want of space. Never shrinks. New bytes read as zero. After an error
  // the file may have grown.
  virtual absl::Status Reserve(uint64_t size) = 0;

  // Sets the end of the file. FailedPrecondition when a live mapping, made by any File of this
  // backend on this file, reaches beyond the new end: Windows refuses that, so everyone does. A
  // system may also refuse to shrink a file of which any part is mapped, here or by another process
  // (Windows); then nothing has changed.
  virtual absl::Status Truncate(uint64_t size) = 0;

  // Fills `to` completely, or fails: OutOfRange when the file ends before. Nothing to fill is
  // success, at any offset.
  virtual absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) = 0;

  // Writes all the pieces one after another from `offset`, growing the file as needed; a gap that
  // this leaves reads as zeros. No bytes at all change nothing. After an error an unknown part of
  // the bytes may have been written.
  virtual absl::Status WriteAt(uint64_t offset,
                               absl::Span<const absl::Span<const std::byte>> pieces) = 0;
  absl::Status WriteAt(uint64_t offset, absl::Span<const std::byte> from) {
    return WriteAt(offset, absl::MakeConstSpan(&from, 1));
  }

  // Maps [offset, offset + length), any offset: rounding to pages or to Windows' 64 KiB happens
  // inside. OutOfRange when the range passes the end. An empty range yields an empty region without
  // a system call.
  virtual absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) = 0;

  // Makes the file's contents and size durable, stores of this process through shared mappings
  // included. Where a mapping is the work of another process that one flushes it
  // (MappedRegion::Flush) before: Windows does not know what it has not been told.
  virtual absl::Status Sync() = 0;

  // Locks the byte range [offset, offset + length), which need not exist and may lie anywhere below
  // 2^63; length > 0. Waits at most `max_wait` (zero: do not wait) and then fails with Unavailable.
  // Exclusive locks need a file opened for writing. A File may take a range again only after
  // unlocking it; unlock ranges exactly as they were locked. Held until Unlock, destruction, or the
  // process's death. Only for those who ask: reads and writes pass locked ranges on POSIX, and may
  // be refused on Windows, so lock bytes that nobody reads.
  virtual absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                            absl::Duration max_wait) = 0;
  virtual absl::Status Unlock(uint64_t offset, uint64_t length) = 0;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_FILE_H_
