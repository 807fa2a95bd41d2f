#include "numpack/backends/memory/memory_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_node.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// The mapping is the file's memory itself, so there is nothing to flush and nothing to prepare.
class MemoryRegion : public MappedRegion::Impl {
 public:
  MemoryRegion(std::shared_ptr<MemoryNode> node, uint64_t end)
      : node_(std::move(node)), end_(end) {}
  ~MemoryRegion() override { node_->Unpin(end_); }

  absl::Status Flush(size_t, size_t) override { return absl::OkStatus(); }
  void Advise(size_t, size_t, AccessPattern) override {}
  absl::Status PrefaultForWriting(size_t, size_t) override { return absl::OkStatus(); }
  absl::Status MakePrivate() override {
    return absl::UnimplementedError(
        "a mapping of a file in memory cannot be cut off from it in place");
  }

 private:
  const std::shared_ptr<MemoryNode> node_;
  const uint64_t end_;
};

}  // namespace

MemoryFile::~MemoryFile() { node_->locks().UnlockAll(this); }

absl::StatusOr<uint64_t> MemoryFile::Size() { return node_->size(); }

absl::Status MemoryFile::Reserve(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("reserve space"));
  return node_->GrowTo(description_, size);
}

absl::Status MemoryFile::Truncate(uint64_t size) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("truncate"));
  return node_->Truncate(description_, size);
}

absl::Status MemoryFile::ReadAt(uint64_t offset, absl::Span<std::byte> to) {
  return node_->Read(description_, offset, to);
}

absl::Status MemoryFile::WriteAt(uint64_t offset,
                                 absl::Span<const absl::Span<const std::byte>> pieces) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable("write"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description_, offset, pieces));
  return node_->Write(description_, offset, end, pieces);
}

absl::StatusOr<MappedRegion> MemoryFile::Map(uint64_t offset, uint64_t length, MapMode mode) {
  if (mode == MapMode::kReadWrite) NUMPACK_RETURN_IF_ERROR(CheckWritable("map writable"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(description_, offset, length));
  if (length == 0) return MappedRegion();
  NUMPACK_ASSIGN_OR_RETURN(std::byte* const data, node_->Pin(description_, offset, length));
  return MappedRegion(data, static_cast<size_t>(length),
                      std::make_unique<MemoryRegion>(node_, end));
}

absl::Status MemoryFile::Lock(uint64_t offset, uint64_t length, LockKind kind,
                              absl::Duration max_wait) {
  if (kind == LockKind::kExclusive) NUMPACK_RETURN_IF_ERROR(CheckWritable("lock exclusively"));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description_, offset, length));
  if (node_->locks().Lock(this, offset, end, kind, max_wait)) return absl::OkStatus();
  return LockHeldError(description_, offset, length);
}

absl::Status MemoryFile::Unlock(uint64_t offset, uint64_t length) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, LockRangeEnd(description_, offset, length));
  node_->locks().Unlock(this, offset, end);
  return absl::OkStatus();
}

absl::Status MemoryFile::CheckWritable(const char* action) const {
  return writable_ ? absl::OkStatus() : OpenedReadOnlyError(description_, action);
}

}  // namespace numpack
