// File over a handle of Windows.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_FILE_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_FILE_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_open_file.h"

namespace numpack {

// Thread-safe, as File.
class Win32File final : public File {
 public:
  explicit Win32File(Win32OpenFile file) : file_(std::move(file)) {}
  ~Win32File() override;

  const std::string& description() const override { return file_.description; }
  absl::StatusOr<uint64_t> Size() override;
  absl::Status Reserve(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override;
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override;
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override;
  // Of stores through mappings, those of this process: others flush their own regions.
  absl::Status Sync() override;
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override;
  absl::Status Unlock(uint64_t offset, uint64_t length) override;

 private:
  using Range = std::pair<uint64_t, uint64_t>;  // offset and length

  absl::Status CheckWritable(const char* action) const;
  Win32Error FlushFile() const;

  const Win32OpenFile file_;
  absl::Mutex locks_mutex_;
  std::set<Range> locks_ ABSL_GUARDED_BY(locks_mutex_);  // that this File holds
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_FILE_H_
