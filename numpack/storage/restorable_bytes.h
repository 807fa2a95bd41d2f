// RestorableBytes: what has been logged, durably, of the state that a power loss may bring back.
//
// A record that overwrites an array's bytes carries the old ones, and the log is synced before they
// are lost (docs/format.md). Of any byte only the first such record counts: recovery undoes the
// last record first. So bytes that are listed here may be overwritten again without either.
//
// Pure bookkeeping. Not thread-safe.
#ifndef NUMPACK_STORAGE_RESTORABLE_BYTES_H_
#define NUMPACK_STORAGE_RESTORABLE_BYTES_H_

#include <cstdint>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"

namespace numpack::storage {

class RestorableBytes {
 public:
  // `state`: the generation of the newest state that may come back. When that is another one, what
  // was logged before it restores an older one, and all is forgotten.
  void SetState(uint64_t state);

  // Bytes [begin, end) of an extent, counted from its beginning; `begin` < `end`.
  bool Contains(uint64_t extent, uint64_t begin, uint64_t end) const;
  void Add(uint64_t extent, uint64_t begin, uint64_t end);
  // Whether what was added last is of this extent, and no further than `distance` from `offset`.
  bool LastIsNear(uint64_t extent, uint64_t offset, uint64_t distance) const;

 private:
  // Ranges that neither overlap nor touch: begin and end.
  using Ranges = absl::btree_map<uint64_t, uint64_t>;

  uint64_t state_ = 0;
  absl::flat_hash_map<uint64_t, Ranges> extents_;  // by number
  uint64_t last_extent_ = 0;
  uint64_t last_begin_ = 0, last_end_ = 0;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_RESTORABLE_BYTES_H_
