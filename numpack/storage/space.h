// Space: where extents come from, and where they go when nobody needs them any more.
//
// Arrays up to kPackedBytes share segments that grow in steps; a larger one has a segment of its
// own, so that it can grow in place. Space of both kinds is used again before files grow:
// overwriting costs a fortieth of a new file.
//
// Every process that writes keeps its own books. What others did is made up for when the writer's
// lock changes hands: Claim() follows their commits, Refresh() what they did to files.
//
// Not thread-safe; every method that is not const needs the writer's lock.
#ifndef NUMPACK_STORAGE_SPACE_H_
#define NUMPACK_STORAGE_SPACE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/free_space.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/segment_table.h"
#include "numpack/storage/shared_state.h"

namespace numpack::storage {

inline constexpr uint64_t kExtentAlignment = 64;  // a cache line
inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kPackedBytes = uint64_t{256} << 10;
// From here on a packed extent has pages of its own from the start; below, that would waste too
// much.
inline constexpr uint64_t kOwnPagesFrom = uint64_t{32} << 10;

class Space {
 public:
  // `segments` and `shared` outlive this.
  Space(std::shared_ptr<Backend> backend, SegmentTable& segments, SharedState& shared)
      : backend_(std::move(backend)), table_(segments), shared_(shared) {}

  // Takes the extents of a state that was read for used, and what they leave of their segments for
  // free. Segment files that hold none of them are spare, or left over when nobody else has the
  // store open (`alone`): then they are removed. `unsynced`: whoever wrote the state may have died
  // before all of it was synced.
  absl::Status Adopt(const std::vector<std::shared_ptr<Extent>>& used, bool alone, bool unsynced);

  // Another process has allocated, or grown, this extent out of what is free here.
  absl::Status Claim(const std::shared_ptr<Extent>& extent);
  // Another process has made, removed or resized segment files: looks again.
  absl::Status Refresh();

  // What Allocate takes for `bytes` when no pages of its own are asked for; null: too many.
  static std::optional<uint64_t> CapacityFor(uint64_t bytes);

  // An extent of at least `bytes` > 0, reserved, contents undefined. `own_pages`: no other extent
  // shares a page.
  absl::StatusOr<std::shared_ptr<Extent>> Allocate(uint64_t bytes, bool own_pages);

  // Makes an extent's capacity at least `bytes` where it lies; false when there is no room for
  // that.
  absl::StatusOr<bool> Grow(Extent& extent, uint64_t bytes);
  // Undoes that: back to a capacity that it had. Where the file cannot be cut, it keeps the space.
  void ShrinkBack(Extent& extent, uint64_t capacity);

  // Takes an extent back that nobody uses or can bring back.
  void Free(const Extent& extent);
  // Removes spare segments, as far as they are more than the next large arrays are likely to need.
  // Not while there is something to Claim: what is spare then may be in use.
  void DropExcessSpares();
  // Whether another process has cut bytes of the extent off its segment, taking it for free.
  bool IsCut(const Extent& extent) const;

  // Gives the spare segments and the free tails of packed ones back to the file system, as far as
  // nobody has them mapped.
  absl::Status Trim();

  // For emptying packed segments: nothing is allocated in one that is set aside, until all of them
  // are put back.
  void SetAside(uint32_t segment);
  void PutBack();

  // Says how much an extent with a segment of its own reserves. Before the file is cut to that, no
  // state that could come back may name more.
  void SetOwnCapacity(Extent& extent, uint64_t capacity);
  // Cuts such a segment to `size`, at least the capacity; false when somebody has more of it
  // mapped.
  absl::StatusOr<bool> CutOwn(const Extent& extent, uint64_t size);

  // What has to be synced for all that was written so far to be durable: see SyncAll.
  struct Unsynced {
    std::vector<std::shared_ptr<Segment>> segments;
    bool directory = false;
  };
  Unsynced TakeUnsynced();
  // The sync failed: it is still to be done.
  void NotSynced(const Unsynced& unsynced) { directory_changed_ |= unsynced.directory; }

  uint64_t free_bytes() const { return free_.bytes() + spare_bytes_; }

 private:
  absl::StatusOr<std::shared_ptr<Extent>> AllocatePacked(uint64_t bytes, uint64_t alignment);
  absl::StatusOr<std::shared_ptr<Extent>> AllocateOwn(uint64_t bytes);
  absl::Status GrowPacked(uint64_t bytes);
  // Takes note of how long a packed segment is by now.
  void NoteGrowth(Segment& segment);
  void AddSpare(const Segment& segment);
  void TakeSpare(uint32_t number);  // if it is one
  absl::StatusOr<std::shared_ptr<Segment>> NewSegment();
  std::shared_ptr<Extent> MakeExtent(const std::shared_ptr<Segment>& segment, uint64_t offset,
                                     uint64_t capacity, bool own_segment);
  absl::Status RemoveSegment(uint32_t number);
  void DropSpares(uint64_t keep_bytes);

  struct Held {
    std::shared_ptr<Segment> segment;
    bool packed = false;
    // Bytes that are in use, or in free_; of a segment that is not packed, those in own_bytes_.
    uint64_t accounted = 0;
  };
  void SetOwnBytes(Held& held, uint64_t bytes);
  // Nothing of the segment is in use, or in free_, any more.
  void Empty(uint32_t number, Held& held);

  const std::shared_ptr<Backend> backend_;
  SegmentTable& table_;
  SharedState& shared_;

  // Every segment that has an extent, free or not.
  absl::btree_map<uint32_t, Held> segments_;
  FreeSpace free_;        // of the packed segments
  uint32_t growing_ = 0;  // the packed segment that grows; 0: none
  absl::btree_map<uint64_t, std::vector<uint32_t>> spares_;  // whole free segments by size
  uint64_t spare_bytes_ = 0;
  uint64_t own_bytes_ = 0;  // in use, in segments of their own

  bool directory_changed_ = false;  // files came or went since the last Sync

  uint64_t next_number_ = 1;
  absl::btree_set<uint64_t> free_numbers_;  // below next_number_; the lowest is used first
};

// Makes it durable. Needs no lock: others may write meanwhile, and their part is as it may be.
absl::Status SyncAll(Backend& backend, const Space::Unsynced& unsynced);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SPACE_H_
