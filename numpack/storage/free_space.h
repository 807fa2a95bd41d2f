// FreeSpace: which byte ranges of the packed segments are free. Pure bookkeeping, no I/O.
//
// Best fit by length, neighbours coalesced, O(log n) per operation. Not thread-safe.
#ifndef NUMPACK_STORAGE_FREE_SPACE_H_
#define NUMPACK_STORAGE_FREE_SPACE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"

namespace numpack::storage {

class FreeSpace {
 public:
  struct Range {
    uint32_t segment;
    uint64_t offset;
    uint64_t length;
  };

  // Adds a range that overlaps no free one.
  void Add(const Range& range);

  // Takes `length` bytes at a multiple of `alignment` (a power of two) out of the smallest range
  // that has them, in a segment that was not set aside.
  std::optional<Range> Take(uint64_t length, uint64_t alignment);

  // Takes whatever is free of a range.
  void Remove(const Range& range);

  // Takes the free range that ends exactly at `end` of `segment`, if there is one.
  std::optional<Range> TakeTail(uint32_t segment, uint64_t end);

  // From now on Take leaves the segment alone, until all that was set aside is put back.
  void SetAside(uint32_t segment);
  bool IsAside(uint32_t segment) const { return aside_.contains(segment); }
  void PutBack();

  uint64_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<uint32_t, uint64_t>;             // segment, offset
  using Sized = std::tuple<uint64_t, uint32_t, uint64_t>;  // length, segment, offset
  void Insert(const Range& range);
  void Erase(const Range& range);

  absl::btree_map<Place, uint64_t> by_place_;  // -> length
  absl::btree_set<Sized> by_length_;           // the same ranges, but for those set aside
  absl::btree_set<uint32_t> aside_;            // segments
  uint64_t bytes_ = 0;                         // their sum
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_FREE_SPACE_H_
