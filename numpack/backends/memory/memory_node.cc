#include "numpack/backends/memory/memory_node.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "numpack/backends/file_checks.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

absl::Status NoSpaceError(absl::string_view file, uint64_t size, absl::string_view reason) {
  return absl::ResourceExhaustedError(
      absl::StrCat(file, ": cannot grow to ", size, " bytes: ", reason));
}

void CopyPieces(std::byte* to, absl::Span<const absl::Span<const std::byte>> pieces) {
  for (const absl::Span<const std::byte> piece : pieces) {
    if (piece.empty()) continue;
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
}

}  // namespace

absl::Status MemoryBudget::Take(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  if (bytes > free_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(bytes, " bytes are needed, ", free_,
                     " are left of the backend's capacity; remove arrays, then try again"));
  }
  free_ -= bytes;
  return absl::OkStatus();
}

void MemoryBudget::GiveBack(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  free_ += bytes;
}

uint64_t MemoryBudget::free() const {
  absl::MutexLock lock(&mutex_);
  return free_;
}

MemoryNode::~MemoryNode() {
  absl::MutexLock lock(&mutex_);
  budget_->GiveBack(size_);
}

uint64_t MemoryNode::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return size_;
}

absl::Status MemoryNode::GrowTo(absl::string_view file, uint64_t size) {
  absl::MutexLock lock(&mutex_);
  return GrowLocked(file, size);
}

absl::Status MemoryNode::GrowLocked(absl::string_view file, uint64_t size) {
  if (size <= size_) return absl::OkStatus();
  if (size > max_size_)
    return NoSpaceError(file, size, absl::StrCat("the largest file has ", max_size_));
  if (absl::Status taken = budget_->Take(size - size_); !taken.ok()) {
    return NoSpaceError(file, size, taken.message());
  }
  absl::Status grown;
  if (range_.data() == nullptr) grown = range_.Reserve(static_cast<size_t>(max_size_));
  if (grown.ok()) grown = range_.GrowTo(static_cast<size_t>(size));
  if (!grown.ok()) {
    budget_->GiveBack(size - size_);
    return NoSpaceError(file, size, grown.message());
  }
  size_ = size;
  return absl::OkStatus();
}

absl::Status MemoryNode::Truncate(absl::string_view file, uint64_t size) {
  absl::MutexLock lock(&mutex_);
  if (size >= size_) return GrowLocked(file, size);
  if (!mapped_ends_.empty() && *mapped_ends_.rbegin() > size) {
    return LiveMappingError(file, size, *mapped_ends_.rbegin());
  }
  range_.ShrinkTo(static_cast<size_t>(size));
  budget_->GiveBack(size_ - size);
  size_ = size;
  return absl::OkStatus();
}

absl::Status MemoryNode::Read(absl::string_view file, uint64_t offset,
                              absl::Span<std::byte> to) const {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t end, RangeEnd(file, offset, to.size()));
  if (to.empty()) return absl::OkStatus();
  absl::ReaderMutexLock lock(&mutex_);
  if (end > size_) return PastEndError(file, offset, to.size(), size_);
  std::memcpy(to.data(), range_.data() + offset, to.size());
  return absl::OkStatus();
}

absl::Status MemoryNode::Write(absl::string_view file, uint64_t offset, uint64_t end,
                               absl::Span<const absl::Span<const std::byte>> pieces) {
  if (end == offset) return absl::OkStatus();
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (end <= size_) {
      CopyPieces(range_.data() + offset, pieces);
      return absl::OkStatus();
    }
  }
  absl::MutexLock lock(&mutex_);
  NUMPACK_RETURN_IF_ERROR(GrowLocked(file, end));
  CopyPieces(range_.data() + offset, pieces);
  return absl::OkStatus();
}

absl::StatusOr<std::byte*> MemoryNode::Pin(absl::string_view file, uint64_t offset,
                                           uint64_t length) {
  absl::MutexLock lock(&mutex_);
  if (offset + length > size_) return PastEndError(file, offset, length, size_);
  mapped_ends_.insert(offset + length);
  return range_.data() + offset;
}

void MemoryNode::Unpin(uint64_t end) {
  absl::MutexLock lock(&mutex_);
  mapped_ends_.erase(mapped_ends_.find(end));
}

}  // namespace numpack
