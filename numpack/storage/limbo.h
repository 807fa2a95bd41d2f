// Limbo: extents that the current state no longer names, waiting until they may be used again. Pure
// bookkeeping.
//
// An extent leaves when both hold (docs/format.md, "Recycling"):
//   - nobody, in any process, has it pinned;
//   - no state that a power loss could bring back names it. Those are the states of the last sealed
//     barrier, of every barrier after it, and of the barriers that are being made, so an extent
//     that was allocated and superseded since is free at once.
// Not thread-safe.
#ifndef NUMPACK_STORAGE_LIMBO_H_
#define NUMPACK_STORAGE_LIMBO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/mutation.h"

namespace numpack::storage {

class Limbo {
 public:
  using IsPinned = absl::FunctionRef<bool(const Extent&)>;

  // The log has a barrier that covers all up to `generation`; a seal for the newest one.
  void Barrier(uint64_t generation) {
    if (IsBroken("only-newest-barrier-protected")) barriers_.clear();
    barriers_.push_back(generation);
  }
  void Sealed();
  // Generations that barriers in the making are going to cover, in this process and in others.
  void SetPending(std::vector<uint64_t> generations) { pending_ = std::move(generations); }
  void AddPending(uint64_t generation) { pending_.push_back(generation); }

  // Whether a state that a power loss could bring back names an extent that the current one names.
  bool IsProtected(const Extent& extent) const;
  // What the newest of those states covers; 0: there is none.
  uint64_t NewestState() const;

  // Takes an extent in that nothing names any more; one that no commit ever named has named_at 0.
  // False, and not taken in, when it may be used again at once.
  bool Add(std::shared_ptr<Extent> extent, IsPinned pinned);
  // Takes it in unasked.
  void Keep(std::shared_ptr<Extent> extent) { waiting_.push_back(std::move(extent)); }

  // Removes and returns the extents that may be used again; CollectSome looks at no more than
  // `limit`, and goes on with the next ones when it is called again.
  std::vector<std::shared_ptr<Extent>> Collect(IsPinned pinned) {
    return CollectSome(waiting_.size(), pinned);
  }
  std::vector<std::shared_ptr<Extent>> CollectSome(size_t limit, IsPinned pinned);

  // Removes and returns the extents that another process must have taken for free, because it has
  // used their number, or some of their bytes, for `extent`.
  std::vector<std::shared_ptr<Extent>> TakeReplacedBy(const Extent& extent);

  // Forgets the extents of which it returns true.
  void Drop(absl::FunctionRef<bool(Extent&)> which);

  const std::vector<std::shared_ptr<Extent>>& waiting() const { return waiting_; }
  uint64_t bytes() const;

 private:
  bool MayComeBack(const Extent& extent) const;

  std::vector<std::shared_ptr<Extent>> waiting_;
  size_t next_ = 0;  // where CollectSome goes on
  // What the last sealed barrier and the ones after it cover, ascending.
  std::vector<uint64_t> barriers_;
  std::vector<uint64_t> pending_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_LIMBO_H_
