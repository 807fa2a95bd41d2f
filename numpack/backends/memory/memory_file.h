// File over a MemoryNode.
#ifndef NUMPACK_BACKENDS_MEMORY_MEMORY_FILE_H_
#define NUMPACK_BACKENDS_MEMORY_MEMORY_FILE_H_

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
#include "numpack/backends/memory/memory_node.h"

namespace numpack {

// Thread-safe, as File.
class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryNode> node, std::string description, bool writable)
      : node_(std::move(node)), description_(std::move(description)), writable_(writable) {}
  ~MemoryFile() override;

  const std::string& description() const override { return description_; }
  absl::StatusOr<uint64_t> Size() override;
  absl::Status Reserve(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override;
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override;
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override;
  absl::Status Unlock(uint64_t offset, uint64_t length) override;

 private:
  absl::Status CheckWritable(const char* action) const;

  const std::shared_ptr<MemoryNode> node_;
  const std::string description_;
  const bool writable_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MEMORY_MEMORY_FILE_H_
