// Batch: many changes in memory, one atomic commit at the end.
//
//   first Load of a name   reads the stored array into memory; later Loads return the same array
//   Save                   keeps a reference to the given array; nothing is written yet
//   Commit                 publishes all saved arrays and other changes as one commit record
//
// Every other operation sees the pending state and takes part in the same commit. The caller may go
// on changing a saved array until the commit. What is not saved is not published: an array that was
// loaded and changed in place, and nothing more, leaves the store as it is.
// BatchOptions::on_unsaved_change finds such arrays.
//
// The batch holds the store's writer lock from its first change on; readers are never blocked.
// `memory_limit_bytes` bounds the arrays kept in memory: unchanged ones go first and are dropped,
// changed ones are written to space that no commit names yet
// ("spilled") and read back on demand. Arrays that somebody outside the batch still holds cannot be
// freed; they are counted in BatchStats::pinned_bytes.
//
// Thread-safe; storing into one array from two threads is the caller's business. While one thread
// waits for the writer lock, others can go on reading. An end (Commit, Discard, destruction) in one
// thread ends the batch for all.
// Errors: as transaction.h; FailedPrecondition once the batch is over (IsModeError tells it from a
// handle that is of no use any more).
#ifndef NUMPACK_BATCH_BATCH_H_
#define NUMPACK_BATCH_BATCH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/cache/eviction_policy.h"
#include "numpack/core/array.h"
#include "numpack/core/array_info.h"
#include "numpack/core/lazy_array.h"
#include "numpack/core/view.h"

namespace numpack {

struct BatchOptions {
  // Most bytes of arrays to keep in memory. Default: no limit.
  std::optional<uint64_t> memory_limit_bytes;
  // Which arrays go first when the limit is reached: NewLru or NewS3Fifo of
  // numpack/cache/eviction_policy.h, or your own. NewS3Fifo suits batches that use some arrays all
  // the time and pass over many others. Default: the least recently used.
  EvictionPolicyFactory eviction = NewLru;
  // Makes the arrays that Load returns. Default: heap memory. Called with the batch's lock held, so
  // it must not wait for a thread that uses the batch.
  ArrayFactory factory = NewHeapArray;
  // For debugging: called for each array that was loaded, changed in place and not saved, so that
  // the change is lost. By Commit and Flush, once for each name, with no lock held. Costs a
  // comparison of every loaded array; arrays larger than the memory limit are not looked at.
  // Default: none.
  std::function<void(absl::string_view name)> on_unsaved_change = nullptr;
};

// Of the batch and of those nested in it.
struct BatchStats {
  int64_t hits = 0;       // loads answered from memory
  int64_t misses = 0;     // loads that read the store
  int64_t evictions = 0;  // unchanged arrays dropped because of the limit
  int64_t spills = 0;     // changed ones given up because of the limit
  uint64_t cached_bytes = 0;
  uint64_t pinned_bytes = 0;   // of cached_bytes: over the limit, but held outside the batch
  uint64_t spilled_bytes = 0;  // written ahead of the commit, in total
  uint64_t peak_bytes = 0;     // largest cached_bytes so far
  absl::Duration flush_time;   // spent in publishing, by Commit and Flush
};

class BatchState;

class Batch {
 public:
  // For NumPack::BeginBatch. Starts a batch, or joins the one that `state` is (a nested batch).
  explicit Batch(std::shared_ptr<BatchState> state);
  Batch(Batch&& other) noexcept;
  Batch& operator=(Batch&& other) noexcept;
  // Discards, if the batch has not ended.
  ~Batch();

  absl::StatusOr<AnyArray> Load(absl::string_view name);
  template <typename T>
  absl::StatusOr<Array<T>> Load(absl::string_view name) {
    absl::StatusOr<AnyArray> array = Load(name);
    if (!array.ok()) return array.status();
    return array->As<T>();
  }
  // The array as it is pending now, as a snapshot, without entering the cache when it is not there.
  // A saved array is written out for that, unless it has not changed since it was last written.
  absl::StatusOr<LazyArray> Lazy(absl::string_view name);
  // As LazyArray::LoadRows, on the pending array: from memory where a saved array lies there.
  absl::StatusOr<AnyArray> LoadRows(absl::string_view name, absl::Span<const int64_t> rows,
                                    const ArrayFactory& factory = NewHeapArray);

  // Keeps a reference to `array`; any strides.
  absl::Status Save(absl::string_view name, AnyArray array);

  bool Contains(absl::string_view name);
  std::vector<std::string> List();
  absl::StatusOr<ArrayInfo> Info(absl::string_view name);

  // As in transaction.h, on the pending state. The array that Load returned before is no longer
  // linked to the name afterwards: load again.
  absl::Status Append(absl::string_view name, const ArrayView& view);
  absl::Status ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                           const ArrayView& view);
  absl::Status DropRows(absl::string_view name, absl::Span<const int64_t> rows);
  absl::Status DropAllRows(absl::string_view name);
  absl::Status Remove(absl::string_view name);
  absl::Status Clear();
  absl::Status Clone(absl::string_view source, absl::string_view target);
  absl::Status Rename(absl::string_view from, absl::string_view to);

  // Publishes what is pending now, as one commit, and empties the cache; the batch goes on.
  absl::Status Flush();

  // Forgets all pending changes, empties the cache and releases the writer lock; the batch goes on.
  void Rollback();

  // Ends the batch and publishes, unless it is nested: then the outermost Commit publishes. On an
  // error nothing is published, the stored state is what it was, and the message names the array.
  // Aborted: a nested batch was destroyed without Commit, which discards the whole.
  absl::Status Commit();

  // Ends the batch and publishes nothing; the stored state is what it was. A nested batch takes the
  // outermost with it: see Commit. FailedPrecondition when the batch has ended already.
  absl::Status Discard();

  // Introspection, for bindings and tests. The counters can be read after the end too.
  BatchStats stats() const;
  std::vector<std::string> CachedNames() const;  // in memory now
  std::vector<std::string> DirtyNames() const;   // saved and not yet published
  // As long as it stays the same, Load returns the arrays that it returned before, and Save of one
  // of them once more, if it was saved and has not been reshaped, changes nothing but the time of
  // the change. For bindings that remember arrays, of batches without a memory limit (with one,
  // each use counts) and while no other thread is in a call on the batch. Read it before the call
  // whose result is remembered. Takes no lock.
  uint64_t version() const;
  // The array in memory under that name, if any; counts neither as a use nor as a hit.
  std::optional<AnyArray> Cached(absl::string_view name) const;
  // Forgets the array in memory; a pending change survives (it is spilled), the next Load makes a
  // new array.
  absl::Status Forget(absl::string_view name);

 private:
  // The state to work on, or FailedPrecondition once this batch has ended.
  absl::StatusOr<BatchState*> Active() const;

  std::shared_ptr<BatchState> state_;  // null only in a batch that was moved from
  // Other threads may be in the middle of an operation when it is set: the state stays.
  std::atomic<bool> ended_{false};
};

}  // namespace numpack

#endif  // NUMPACK_BATCH_BATCH_H_
