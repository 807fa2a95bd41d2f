// MemoryNode: the contents of one file of the memory backend, shared by its opens and mappings.
#ifndef NUMPACK_BACKENDS_MEMORY_MEMORY_NODE_H_
#define NUMPACK_BACKENDS_MEMORY_MEMORY_NODE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "numpack/backends/memory/address_range.h"
#include "numpack/backends/memory/range_locks.h"

namespace numpack {

// The bytes that all files of a backend may take together. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t capacity) : free_(capacity) {}

  // ResourceExhausted when fewer than `bytes` are left.
  absl::Status Take(uint64_t bytes);
  void GiveBack(uint64_t bytes);
  uint64_t free() const;

 private:
  mutable absl::Mutex mutex_;
  uint64_t free_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. `file` is a description for messages.
class MemoryNode {
 public:
  MemoryNode(std::shared_ptr<MemoryBudget> budget, uint64_t max_size)
      : budget_(std::move(budget)), max_size_(max_size) {}
  MemoryNode(const MemoryNode&) = delete;
  MemoryNode& operator=(const MemoryNode&) = delete;
  ~MemoryNode();

  uint64_t size() const;
  absl::Status GrowTo(absl::string_view file, uint64_t size);    // never shrinks
  absl::Status Truncate(absl::string_view file, uint64_t size);  // as File::Truncate
  absl::Status Read(absl::string_view file, uint64_t offset, absl::Span<std::byte> to) const;
  absl::Status Write(absl::string_view file, uint64_t offset, uint64_t end,
                     absl::Span<const absl::Span<const std::byte>> pieces);

  // Keeps [offset, offset + length), which is not empty, where it is until Unpin(offset + length).
  absl::StatusOr<std::byte*> Pin(absl::string_view file, uint64_t offset, uint64_t length);
  void Unpin(uint64_t end);

  RangeLocks& locks() { return locks_; }

 private:
  absl::Status GrowLocked(absl::string_view file, uint64_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<MemoryBudget> budget_;
  const uint64_t max_size_;
  RangeLocks locks_;

  // Exclusive to change the size; shared to touch the bytes, whose overlaps are the caller's
  // business.
  mutable absl::Mutex mutex_;
  AddressRange range_ ABSL_GUARDED_BY(mutex_);
  uint64_t size_ ABSL_GUARDED_BY(mutex_) =
      0;  // taken from budget_; bytes of range_ behind it are zero
  std::multiset<uint64_t> mapped_ends_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MEMORY_MEMORY_NODE_H_
