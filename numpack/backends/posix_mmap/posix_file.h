// File over a POSIX descriptor.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_FILE_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_FILE_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/posix_open_file.h"

namespace numpack {

// Thread-safe, as File.
class PosixFile final : public File {
 public:
  explicit PosixFile(std::shared_ptr<PosixOpenFile> file) : file_(std::move(file)) {}
  ~PosixFile() override;

  const std::string& description() const override { return file_->description; }
  absl::StatusOr<uint64_t> Size() override;
  absl::Status Reserve(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override;
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override;
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override;
  absl::Status Sync() override;
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override;
  absl::Status Unlock(uint64_t offset, uint64_t length) override;

 private:
  int fd() const { return file_->descriptor.get(); }
  absl::Status CheckWritable(const char* action) const;

  const std::shared_ptr<PosixOpenFile> file_;
  // The process that took a lock through this File last; 0 for none. See ~PosixFile.
  std::atomic<int64_t> locked_by_{0};
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_FILE_H_
