// Store: named byte strings in a directory, with atomic commits. Knows nothing of dtypes or shapes.
//
// How a commit is made (docs/format.md has the byte level):
//   1. a transaction takes the writer's turn; it has it until its end
//   2. bytes are written to extents that no state names
//   3. one record that puts and removes names is appended to the commit log: that is the commit
//   4. the catalogue in memory follows; superseded extents wait in limbo until nobody can need them
// and how it becomes durable (Flush):
//   5. the segments are synced   6. a barrier is appended and the log synced   7. a seal is
//   appended
// When the log has outgrown its checkpoint, the state is written as a new checkpoint into the next
// log.
//
// One process at a time has a store open: it holds an exclusive lock on the file writer.lock from
// Open until the last handle is closed and the last PinnedBytes is gone. (Readers in other
// processes need pins that cross processes; the log's format has room for them.)
//
// Thread-safe. Errors: backend.h; DataLoss for a store that does not check out; FailedPrecondition
// after Abandon and for arrays that are open in place; after a failed sync every change fails with
// that failure.
#ifndef NUMPACK_STORAGE_STORE_H_
#define NUMPACK_STORAGE_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/base/process.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/commit_log.h"
#include "numpack/storage/limbo.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/recovery.h"
#include "numpack/storage/space.h"

namespace numpack::storage {

class Transaction;

struct StoreStats {
  uint64_t arrays = 0;
  uint64_t commits = 0;      // since the store was opened by this process
  uint64_t live_bytes = 0;   // of arrays, as used
  uint64_t limbo_bytes = 0;  // superseded, but pinned or needed after a power loss
  uint64_t free_bytes = 0;   // waiting to be used again
  uint64_t log_bytes = 0;
};

// Stored bytes as writable memory.
struct InPlaceMapping {
  MappedRegion region;  // empty when the array has no bytes
  PinnedBytes bytes;
};

class Store : public std::enable_shared_from_this<Store> {
 public:
  // A handle on the store in the backend's directory; handles of one process on one directory share
  // the Store. Each is ended by one CloseHandle. The strongest durability asked for so far is in
  // force.
  static absl::StatusOr<std::shared_ptr<Store>> Open(std::shared_ptr<Backend> backend,
                                                     const StoreOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // One more handle on this store.
  absl::Status AddHandle();
  // The last handle makes everything durable and gives spare space back.
  absl::Status CloseHandle();

  // Makes everything committed durable (with kNone: says so without waiting for the disk).
  absl::Status Flush();

  // Reading: the state of the last commit.
  bool Contains(absl::string_view name) const;
  std::vector<std::string> List() const;  // in the order of first save
  absl::StatusOr<PinnedBytes> Find(absl::string_view name) const;

  // Waits for the writer's turn at most StoreOptions::lock_wait, then Unavailable.
  absl::StatusOr<Transaction> Begin();

  // In-place changes, each array between a begin and an end. What lies between is not atomic: after
  // a crash the array is Interrupted().
  absl::StatusOr<InPlaceMapping> BeginInPlace(absl::string_view name);
  struct InPlaceEnd {
    std::string name;
    std::string metadata;  // the new one
  };
  absl::Status EndInPlace(absl::Span<const InPlaceEnd> ends);
  std::vector<std::string> Interrupted() const;
  absl::Status AcknowledgeInterrupted(absl::string_view name);

  // From now on every operation fails: somebody is about to replace the directory. The files stay
  // locked until the last handle is gone.
  void Abandon();
  // Abandons the live store of this process in the backend's directory, if there is one.
  static void AbandonAt(const Backend& backend);

  StoreStats stats() const;
  std::string Describe() const { return backend_->Describe(); }

 private:
  friend class Transaction;
  friend class PendingExtent;

  Store(std::shared_ptr<Backend> backend, const StoreOptions& options);
  absl::Status Start(bool create);
  absl::Status LockDirectory();
  absl::Status CheckNothingIsLost();
  void RaiseDurability(Durability durability);

  // Whether this process is a child of the one that opened the store. Its copy of the state goes
  // stale at once, and must neither be written nor be read.
  bool IsForeign() const { return ForkCount() != fork_count_; }
  // OK unless abandoned, or, for changes, unless a sync has failed.
  absl::Status CheckReadable() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckWritable() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Poison(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);

  // For Transaction.
  absl::Status TakeTurn();
  void EndTurn();
  EntryPtr FindEntry(absl::string_view name) const;
  PinnedBytes PinEntry(EntryPtr entry) const;
  absl::StatusOr<std::shared_ptr<Extent>> Allocate(uint64_t bytes, bool own_pages);
  absl::StatusOr<bool> Grow(Extent& extent, uint64_t bytes);
  // Gives an extent back that no state names (any more, or never did).
  void Release(const std::shared_ptr<Extent>& extent);
  absl::Status Commit(absl::Span<const std::string> removes, absl::Span<const Catalogue::Put> puts);
  uint64_t NextOrdinal();

  absl::Status UpdateInPlace(RecordKind kind, absl::Span<const InPlaceEnd> items, InPlace state);
  absl::Status FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status StartLog(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void MaybeChangeLog() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void RemoveLog(uint64_t number);
  void ReleaseLocked(const std::shared_ptr<Extent>& extent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // Frees what limbo gives up; CollectLimbo only when there may be something.
  void FreeCollected() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void CollectLimbo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  CheckpointPayload MakeCheckpoint(uint64_t log_number) const ABSL_LOCKS_EXCLUDED(mu_);
  bool syncs() const { return durability_.load() != Durability::kNone; }

  const std::shared_ptr<Backend> backend_;
  const absl::Duration lock_wait_;
  const uint32_t fork_count_ = ForkCount();  // of the process that opened the store
  std::atomic<Durability> durability_;
  std::unique_ptr<File> lock_file_;
  // What extents report to; outlives the store in them.
  const std::shared_ptr<std::atomic<uint64_t>> releases_ =
      std::make_shared<std::atomic<uint64_t>>(0);

  // The writer's turn. Held for the length of a transaction, so not a mutex of its own.
  absl::Mutex turn_mu_;
  bool turn_taken_ ABSL_GUARDED_BY(turn_mu_) = false;

  // What writing needs. Taken after turn_mu_ and before mu_.
  mutable absl::Mutex write_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  Space space_ ABSL_GUARDED_BY(write_mu_);
  Limbo limbo_ ABSL_GUARDED_BY(write_mu_);
  std::unique_ptr<CommitLog> log_ ABSL_GUARDED_BY(write_mu_);
  uint64_t checkpoint_bytes_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t sealed_generation_ ABSL_GUARDED_BY(write_mu_) = 0;  // of the last seal
  uint64_t seen_releases_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t commits_ ABSL_GUARDED_BY(write_mu_) = 0;

  // What reading needs.
  mutable absl::Mutex mu_;
  Catalogue catalogue_ ABSL_GUARDED_BY(mu_);
  int handles_ ABSL_GUARDED_BY(mu_) = 0;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status poisoned_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ordinal_ ABSL_GUARDED_BY(mu_) =
      0;  // handed out to transactions, some of them rolled back
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_STORE_H_
