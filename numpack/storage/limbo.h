// Limbo: extents that the current state no longer names, waiting until they may be used again. Pure
// bookkeeping.
//
// An extent leaves when both hold (docs/format.md, "Recycling"):
//   - nobody has it pinned;
//   - no state that a power loss could bring back names it. Those are the states of the last sealed
//   barrier and of
//     every barrier after it, so an extent that was allocated and superseded since is free at once.
// Not thread-safe.
#ifndef NUMPACK_STORAGE_LIMBO_H_
#define NUMPACK_STORAGE_LIMBO_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "numpack/storage/extent.h"

namespace numpack::storage {

class Limbo {
 public:
  // A barrier record was (or is about to be) written as of `generation`; a seal was written for the
  // newest one.
  void Barrier(uint64_t generation) { barriers_.push_back(generation); }
  void Sealed();

  // Takes an extent in that nothing names any more; one that no commit ever named has named_at 0.
  // False, and not taken in, when it may be used again at once.
  bool Add(std::shared_ptr<Extent> extent);

  // Removes and returns the extents that may be used again.
  std::vector<std::shared_ptr<Extent>> Collect();

  const std::vector<std::shared_ptr<Extent>>& waiting() const { return waiting_; }
  uint64_t bytes() const;

 private:
  bool MayComeBack(const Extent& extent) const;
  bool MustWait(const Extent& extent) const { return MayComeBack(extent) || extent.pinned(); }

  std::vector<std::shared_ptr<Extent>> waiting_;
  // Generations of the last sealed barrier and the ones after it, ascending.
  std::vector<uint64_t> barriers_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_LIMBO_H_
