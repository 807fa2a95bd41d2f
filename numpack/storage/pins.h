// Pins: what a process reads, told to every process that might overwrite it.
//
// Each process that has a store open owns one table of counters, in memory that all of them map
// (shared_state.h). A reader counts up, and THEN looks whether the state it read is still the
// published one; a writer publishes, and THEN looks at the counters. Both store first and load
// second, sequentially consistent, so at least one of them sees the other.
#ifndef NUMPACK_STORAGE_PINS_H_
#define NUMPACK_STORAGE_PINS_H_

#include <atomic>
#include <cstdint>

#include "numpack/storage/mutation.h"

namespace numpack::storage {

// Extents whose numbers differ by a multiple of this share a counter. That can delay the reuse of
// one, and never allow it.
inline constexpr uint64_t kPinCounters = 65520;

// One process's table, as it lies in the file slot.<k>: 256 KiB, which Windows can map whole.
struct PinTable {
  std::atomic<uint32_t> owner;  // process number, for messages; or kHandedOver
  uint32_t unused;
  std::atomic<uint64_t> pending_barrier;  // see Limbo; 0: none
  uint32_t reserved[12];
  std::atomic<uint32_t> count[kPinCounters];
};
static_assert(sizeof(PinTable) == 4 * 65536);
static_assert(std::atomic<uint64_t>::is_always_lock_free, "shared between processes");

// This process's counters, as extents see them. Thread-safe.
class PinCounters {
 public:
  explicit PinCounters(PinTable* table) : table_(table) {}

  void Add(uint64_t extent) {
    if (!IsBroken("pins-not-counted")) table_->count[extent % kPinCounters].fetch_add(1);
  }
  void Drop(uint64_t extent) {
    if (!inherited_ && !IsBroken("pins-not-counted"))
      table_->count[extent % kPinCounters].fetch_sub(1, std::memory_order_release);
  }
  // Whether this process pins it (or one that shares its counter).
  bool IsPinned(uint64_t extent) const { return table_->count[extent % kPinCounters].load() != 0; }
  PinTable* table() const { return table_; }

  // For a forked child, before it has a second thread: its pins are counted in `table`, and those
  // it inherited stay until it ends. (It may hold more of them than were counted, those that
  // another thread was copying.)
  void Inherit(PinTable* table) {
    table_ = table;
    inherited_ = true;
  }

 private:
  PinTable* table_;
  bool inherited_ = false;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_PINS_H_
