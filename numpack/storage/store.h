// Store: named byte strings in a directory, with atomic commits. Knows nothing of dtypes or shapes.
//
// How a commit is made (docs/format.md has the byte level):
//   1. a transaction takes the writer's turn among the threads of this process, and the writer's
//   lock
//      among processes; it has both until its end. What others committed is followed first
//   2. bytes are written to extents that no state names
//   3. one record that puts and removes names is appended to the commit log, and published: that is
//      the commit
//   4. the catalogue in memory follows; superseded extents wait in limbo until nobody can need them
// and how it becomes durable (Flush):
//   5. the segments are synced, while commits go on   6. a barrier is appended and the log synced
//   7. a seal is appended
// When the log has outgrown its checkpoint, the state is written as a new checkpoint into the next
// log.
//
// Readers take no lock that crosses processes: they pin what they read, and look whether the state
// that named it is still the published one (pins.h); if not, they read the new records first.
//
// A store that is open for reading only changes no byte of the directory. It cannot pin either, so
// it keeps all processes from using space again as long as it is open (store_read_only.cc).
//
// Thread-safe. Errors: backend.h; PermissionDenied for changes where only reading is allowed;
// DataLoss for a store that does not check out; FailedPrecondition after Abandon and for arrays
// that are open in place; after a failed sync every change fails with that failure.
//
// Files: store.cc opening, closing, reading; store_follow.cc other processes; store_write.cc turns
// and commits; store_flush.cc durability; store_in_place.cc in-place changes; store_rewrite.cc
// rewritten rows; store_space.cc statistics; store_import.cc directories of other programs;
// store_read_only.cc readers that cannot write; store_vacuum.cc packing; store_copies.cc copies as
// writable memory.
#ifndef NUMPACK_STORAGE_STORE_H_
#define NUMPACK_STORAGE_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/base/process.h"
#include "numpack/storage/background_sync.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/commit_log.h"
#include "numpack/storage/import.h"
#include "numpack/storage/limbo.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/recovery.h"
#include "numpack/storage/replay.h"
#include "numpack/storage/restorable_bytes.h"
#include "numpack/storage/segment_table.h"
#include "numpack/storage/shared_state.h"
#include "numpack/storage/space.h"
#include "numpack/storage/vacuum.h"

namespace numpack::storage {

class Transaction;

// All sizes are in bytes. What live, slack, limbo and free do not explain of file_bytes is
// rounding, and what the log has reserved ahead.
struct StoreStats {
  uint64_t arrays = 0;
  uint64_t commits = 0;       // since the store was opened by this process
  uint64_t live_bytes = 0;    // elements of arrays
  uint64_t slack_bytes = 0;   // reserved behind them, for appending and by rounding
  uint64_t limbo_bytes = 0;   // superseded, but pinned or needed after a power loss
  uint64_t pinned_bytes = 0;  // the part of limbo that this process still reads
  uint64_t free_bytes = 0;    // waiting to be used again
  uint64_t log_bytes = 0;     // records of the commit log
  // Of StatsWithFiles only.
  uint64_t segments = 0;    // files that hold arrays
  uint64_t file_bytes = 0;  // sizes of segments and logs, together
};

// New bytes for a part of an array.
struct BytesAt {
  uint64_t offset;  // from the beginning of the array
  absl::Span<const std::byte> bytes;
};

// Stored bytes as writable memory. Where the backend has no mappings it is a copy, which is written
// back by Store::WriteBack and at the end.
struct InPlaceMapping {
  MappedRegion region;  // empty when the array has no bytes
  PinnedBytes bytes;
};

class Store : public std::enable_shared_from_this<Store> {
 public:
  // A handle on the store in the backend's directory; handles of one process on one directory share
  // the Store. Each is ended by one CloseHandle. The strongest durability asked for so far is in
  // force, and arrays that are saved carry checksums once anybody asked for that. One that is open
  // for changes serves those who only want to read, too; not the reverse.
  // `import`, if given, makes a store of a directory of another program's: see import.h.
  static absl::StatusOr<std::shared_ptr<Store>> Open(
      std::shared_ptr<Backend> backend, const StoreOptions& options,
      std::shared_ptr<const ImportSource> import = nullptr);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // Whether every change fails with PermissionDenied.
  bool read_only() const { return read_only_; }

  // One more handle on this store.
  absl::Status AddHandle();
  // The last handle makes everything durable and gives spare space back.
  absl::Status CloseHandle();

  // Makes everything committed durable (with kNone: says so without waiting for the disk). Commits,
  // here and in other processes, go on meanwhile.
  absl::Status Flush();

  // Whether views are the files themselves. Otherwise each is a copy.
  bool is_mapped() const { return backend_->capabilities().mappings; }

  // Reading: the state of the last commit of any process.
  bool Contains(absl::string_view name);
  std::vector<std::string> List();  // in the order of first save
  absl::StatusOr<PinnedBytes> Find(absl::string_view name);

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
  // Takes the changes made so far to the files, where memory is not the files'. Those who make them
  // do not run meanwhile.
  absl::Status WriteBack() { return segments_.WriteBack(); }
  // Arrays whose in-place changes were begun and never ended, by a process that is gone.
  std::vector<std::string> Interrupted();
  absl::Status AcknowledgeInterrupted(absl::string_view name);

  // The same on a copy, which nobody else sees until EndCopies publishes all of them as one commit,
  // and makes it durable. After a crash the array is what it was. Other changes to it are refused
  // meanwhile, and other processes cannot write.
  absl::StatusOr<InPlaceMapping> BeginCopy(absl::string_view name);
  // Either all arrays are published or, after an error, none; their copies are over in any case.
  absl::Status EndCopies(absl::Span<const InPlaceEnd> ends);
  void DropCopies(absl::Span<const std::string> names);

  // Gives back what is not needed: see vacuum.h. Holds the turn for a few megabytes at a time.
  absl::StatusOr<VacuumReport> Vacuum(const VacuumOptions& options);

  // From now on every operation fails: somebody is about to replace the directory. The files stay
  // locked until the last handle is gone.
  void Abandon();
  // Abandons the live store of this process in the backend's directory, if there is one.
  static void AbandonAt(const Backend& backend);

  // The books of this process, without a system call. Limbo and free are 0 until it writes.
  StoreStats stats() const;
  // With the sizes of the files: a system call or two for each segment. A process that has not
  // written counts as free what others may have in limbo.
  absl::StatusOr<StoreStats> StatsWithFiles();
  std::string Describe() const { return backend_->Describe(); }

 private:
  friend class Transaction;
  friend class PendingExtent;
  friend class Vacuumer;

  Store(std::shared_ptr<Backend> backend, const StoreOptions& options,
        std::shared_ptr<const ImportSource> import);
  static absl::StatusOr<std::shared_ptr<Store>> OpenReadOnly(
      std::shared_ptr<Backend> backend, const StoreOptions& options,
      std::shared_ptr<const ImportSource> import);
  absl::Status Start(bool create);
  void Register();
  absl::Status Recover(bool create);
  absl::Status CheckNothingIsLost();
  void Raise(const StoreOptions& options);
  static void PrepareFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  static void AfterFork(void (SharedState::*finish)()) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // Whether this process is a child of the one that opened the store. Its copy of the state goes
  // stale at once, and must neither be written nor be read.
  bool IsForeign() const { return ForkCount() != fork_count_; }
  // OK unless abandoned, or, for changes, unless a sync has failed.
  absl::Status CheckReadable() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckWritable() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Poison(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);

  // Other processes: store_follow.cc.
  // The writer's lock among processes, for as many users in this one as like; the first one follows
  // what others did.
  absl::Status AcquireLock(absl::Duration wait) ABSL_LOCKS_EXCLUDED(lock_mu_);
  void ReleaseLock() ABSL_LOCKS_EXCLUDED(lock_mu_);
  absl::Status TakeOver(bool clean) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_mu_);
  absl::Status TakeOverCleanly() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // Makes the catalogue that of the published state.
  absl::Status Follow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status FollowTo(const SharedState::End& end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsBehind() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return shared_->generation() > position_.generation;
  }
  absl::Status FollowWithSpace(const Effect& effect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void ForgetWhatIsCut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status AdoptRead(RecoveredState state, bool alone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AdoptRecovered(RecoveredState state, bool alone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status LogKept() ABSL_LOCKS_EXCLUDED(write_mu_);

  // Without permission to write: store_read_only.cc.
  absl::Status StartReadOnly() ABSL_LOCKS_EXCLUDED(mu_);
  // Notices that somebody has opened the store.
  absl::Status LookAround() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadAnew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadAlone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadWithOthers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadPastDeadWriter() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ShowRecovered(RecoveredState state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Another program's directory: store_import.cc.
  absl::StatusOr<bool> IsImport();
  absl::Status ReadImport() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ShowImport() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status JoinImport() ABSL_LOCKS_EXCLUDED(mu_);
  void PublishImport();
  // Whether the state is still what the source read. Never true again once it was false.
  bool IsUnadopted() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AdoptImport() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TryAdoptImport(const Catalogue& before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Catalogue> CopyWhatCannotStay(const Catalogue& before)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  // For Transaction.
  absl::Status TakeTurn();
  void EndTurn();
  EntryPtr FindEntry(absl::string_view name) const;
  PinnedBytes PinEntry(EntryPtr entry) const;
  // Whether a writable batch has the array open, in place or as a copy.
  bool IsOpen(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether somebody reads the extent, in any process.
  bool IsRead(const Extent& extent) ABSL_LOCKS_EXCLUDED(write_mu_);
  absl::StatusOr<std::shared_ptr<Extent>> Allocate(uint64_t bytes, bool own_pages);
  absl::StatusOr<bool> Grow(Extent& extent, uint64_t bytes);
  // Gives an extent back that no state names (any more, or never did).
  void Release(const std::shared_ptr<Extent>& extent);
  absl::Status Commit(absl::Span<const std::string> removes, absl::Span<const Catalogue::Put> puts);
  uint64_t NextOrdinal();

  // Changes pieces of an array where they lie, and publishes that. False, and nothing is done, when
  // it is not worth it or somebody reads the array. Needs the turn.
  absl::StatusOr<bool> Rewrite(absl::string_view name, absl::Span<const BytesAt> pieces,
                               std::string metadata);
  absl::Status FinishRewrite(const Extent& extent, const RedoPayload& payload)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status ApplyRewrites(absl::Span<const RecoveredState::Rewrite> rewrites)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status WaitForRewrite(uint64_t extent) ABSL_LOCKS_EXCLUDED(mu_);

  // Appends records and publishes them; `apply` makes the catalogue follow.
  absl::Status Append(absl::Span<const CommitLog::Item> items,
                      absl::FunctionRef<void(Catalogue&)> apply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  static absl::Status SumCopies(std::vector<Catalogue::Put>& puts);
  // The checksum that the array's bytes have now; nothing when it carries none.
  static absl::StatusOr<std::optional<uint32_t>> ReadChecksum(const Entry& entry);
  absl::Status EndWritable(absl::Span<const InPlaceEnd> items) const;
  absl::Status LogInPlace(RecordKind kind, absl::Span<const InPlaceEnd> items, InPlace state);
  absl::Status UpdateInPlace(RecordKind kind, absl::Span<const InPlaceEnd> items, InPlace state);

  // Durability: store_flush.cc.
  // `lock_wait`: how long to wait for the writer's lock, each time.
  absl::Status Flush(absl::Duration lock_wait);
  absl::Status FlushLocked(absl::Duration lock_wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(flush_mu_);
  // For the thread of background_: whether to try again.
  bool FlushInBackground();
  // Something was committed that is not durable yet.
  void NoteWritten(uint64_t generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status WriteBarrier(uint64_t covering) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status SyncData() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status StartLog(uint64_t number, uint64_t generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void MaybeChangeLog();
  // Goes on in a new log; after an error in the old one.
  absl::Status ChangeLog() ABSL_EXCLUSIVE_LOCKS_REQUIRED(flush_mu_, write_mu_);
  void RemoveLog(uint64_t number);
  CheckpointPayload MakeCheckpoint(uint64_t log_number) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  bool checksums() const { return checksums_.load(std::memory_order_relaxed); }
  bool syncs() const { return durability_.load() != Durability::kNone; }

  void ReleaseLocked(const std::shared_ptr<Extent>& extent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void ReleaseLocked(const std::shared_ptr<Extent>& extent, SharedState::PinScan& scan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // Frees what limbo gives up, looking at `limit` extents at most.
  void FreeCollected(size_t limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  const std::shared_ptr<Backend> backend_;
  const std::shared_ptr<const ImportSource> import_;  // null: none
  const bool read_only_;
  const absl::Duration lock_wait_;
  const uint64_t min_log_bytes_;
  const uint32_t fork_count_ = ForkCount();  // of the process that opened the store
  std::atomic<Durability> durability_;
  std::atomic<bool> checksums_;  // of arrays that are saved
  std::unique_ptr<SharedState> shared_;
  SegmentTable segments_;

  // Locks are taken in this order: vacuum_mu_, the turn, flush_mu_, lock_mu_, write_mu_, mu_.

  // One vacuum at a time.
  absl::Mutex vacuum_mu_;

  // The writer's turn. Held for the length of a transaction, so not a mutex of its own.
  absl::Mutex turn_mu_;
  bool turn_taken_ ABSL_GUARDED_BY(turn_mu_) = false;

  // One flush at a time.
  absl::Mutex flush_mu_;

  absl::Mutex lock_mu_ ABSL_ACQUIRED_AFTER(flush_mu_);
  int lock_users_ ABSL_GUARDED_BY(lock_mu_) = 0;

  // What writing needs, besides the writer's lock.
  mutable absl::Mutex write_mu_ ABSL_ACQUIRED_AFTER(lock_mu_) ABSL_ACQUIRED_BEFORE(mu_);
  std::unique_ptr<Space> space_ ABSL_GUARDED_BY(write_mu_);  // null until this process writes
  Limbo limbo_ ABSL_GUARDED_BY(write_mu_);
  RestorableBytes restorable_ ABSL_GUARDED_BY(write_mu_);
  std::unique_ptr<CommitLog> log_ ABSL_GUARDED_BY(write_mu_);
  uint64_t checkpoint_bytes_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t seen_segment_changes_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t commits_ ABSL_GUARDED_BY(write_mu_) = 0;
  // Generations: of the last change, of the barrier that may lack its seal, and up to where a
  // sealed one covers the changes.
  uint64_t changed_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t barrier_ ABSL_GUARDED_BY(write_mu_) = 0;
  uint64_t covered_ ABSL_GUARDED_BY(write_mu_) = 0;
  // Extents that no record ever named, and that were given back while somebody read them.
  std::vector<std::shared_ptr<Extent>> unlogged_ ABSL_GUARDED_BY(write_mu_);
  // Extents in limbo_ that nobody has asked for since they were given up: see ReleaseLocked.
  size_t unasked_ ABSL_GUARDED_BY(write_mu_) = 0;
  // A record was appended whose bytes are not written: the next writer looks.
  bool end_unclear_ ABSL_GUARDED_BY(write_mu_) = false;
  std::atomic<bool> wrote_{false};  // something that no flush of this process has covered
  std::unique_ptr<BackgroundSync> background_;  // null where there is nothing for it to do

  // What reading needs.
  mutable absl::Mutex mu_;
  Catalogue catalogue_ ABSL_GUARDED_BY(mu_);
  // Up to where in which log the catalogue follows.
  uint64_t log_number_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<File> log_file_ ABSL_GUARDED_BY(mu_);
  CommitLog::Position position_ ABSL_GUARDED_BY(mu_);
  // Followed, and still to be attached to their segments.
  std::vector<std::shared_ptr<Extent>> unattached_ ABSL_GUARDED_BY(mu_);
  // Followed, and still unknown to space_ and limbo_; unless there were too many.
  std::vector<Effect> effects_ ABSL_GUARDED_BY(mu_);
  bool books_stale_ ABSL_GUARDED_BY(mu_) = true;

  // Of one that is open for reading only: the catalogue is to be read again, whatever the position;
  // and it has what a dead writer committed and did not publish.
  bool reread_ ABSL_GUARDED_BY(mu_) = false;
  bool ahead_ ABSL_GUARDED_BY(mu_) = false;
  // Arrays that are open as copies, by name, as they will be.
  absl::flat_hash_map<std::string, std::shared_ptr<Entry>> copies_ ABSL_GUARDED_BY(mu_);

  int handles_ ABSL_GUARDED_BY(mu_) = 0;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status poisoned_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ordinal_ ABSL_GUARDED_BY(mu_) =
      0;  // handed out to transactions, some of them rolled back
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_STORE_H_
