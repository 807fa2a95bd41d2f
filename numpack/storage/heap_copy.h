// HeapCopy: bytes of a file in memory of the process's own, where the file cannot be mapped.
//
// Nobody else sees what is stored there until WriteBack. Thread-safe, but for the memory, which is
// its user's to synchronize: with WriteBack too.
#ifndef NUMPACK_STORAGE_HEAP_COPY_H_
#define NUMPACK_STORAGE_HEAP_COPY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"

namespace numpack::storage {

class HeapCopy {
 public:
  // Reads [offset, offset + length), length > 0. ResourceExhausted when there is no memory.
  static absl::StatusOr<std::shared_ptr<HeapCopy>> Read(std::shared_ptr<File> file, uint64_t offset,
                                                        uint64_t length);

  // Begins at a cache line.
  absl::Span<std::byte> bytes() const { return bytes_; }

  // Writes the bytes to the file, unless LetGo was called.
  absl::Status WriteBack();
  // From now on the memory has nothing to do with the file.
  void LetGo();

  // `copy` in the guise of a mapping. Flush writes back, MakePrivate does and lets go.
  static MappedRegion AsRegion(std::shared_ptr<HeapCopy> copy);

 private:
  class Region;

  HeapCopy(std::unique_ptr<std::byte[]> memory, absl::Span<std::byte> bytes, uint64_t offset,
           std::shared_ptr<File> file)
      : memory_(std::move(memory)), bytes_(bytes), offset_(offset), file_(std::move(file)) {}

  const std::unique_ptr<std::byte[]> memory_;
  const absl::Span<std::byte> bytes_;  // the aligned part of it
  const uint64_t offset_;
  absl::Mutex mu_;
  std::shared_ptr<File> file_ ABSL_GUARDED_BY(mu_);  // null once let go
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_HEAP_COPY_H_
