// SharedState: what the processes that have a store open tell one another while they live.
//
//   writer.lock   counts how often the store was opened by somebody who may write. Four bytes far
//                 beyond its end are locked: by the writer, by whoever is opening the store, by
//                 everybody who has it open, and a last one by readers that cannot write
//   head          mapped by everyone: which log counts and up to where, and the next segment number
//   slot.<k>      mapped by everyone: one process's pins (pins.h). Its owner holds a lock on it, so
//                 that a dead owner's pins can be told from a living one's
//
// head and slots mean nothing once nobody has the store open; whoever opens it first makes them
// anew. On a backend without mappings or locks that cross processes both are heap memory, and one
// process at a time has the store open: it locks all that the others share exclusively, so that the
// two kinds can meet (a store that one process uses without mappings, or a file server's own).
//
// A reader that cannot write has no slot to count in. It is a watcher: as long as it holds the last
// one of those bytes, nobody uses space again (shared_state_watch.cc).
//
// The protocol, its races and its costs were measured before it was written: docs/adr/0011, 0014.
//
// Thread-safe, but for what says that it needs the writer's lock or the caller's order.
#ifndef NUMPACK_STORAGE_SHARED_STATE_H_
#define NUMPACK_STORAGE_SHARED_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/storage/pins.h"

namespace numpack::storage {

class SharedState {
 public:
  // Joins the processes that have the store in `backend` open. Others wait in Join until Ready() is
  // called. Unavailable when that takes longer than `wait`.
  static absl::StatusOr<std::unique_ptr<SharedState>> Join(std::shared_ptr<Backend> backend,
                                                           absl::Duration wait);
  // Whether some process that may write, this one included, has the store open. Needs no
  // permission to write, changes no byte, and holds no lock when it returns.
  static absl::StatusOr<bool> IsOpen(Backend& backend, absl::Duration wait);
  // Keeps writers out while the result lives, for somebody who has not joined or cannot write.
  // Unavailable when the lock is not to be had in time; NotFound when there is no lock file.
  static absl::StatusOr<std::unique_ptr<File>> KeepWritersOut(Backend& backend,
                                                              absl::Duration wait);
  SharedState(const SharedState&) = delete;
  SharedState& operator=(const SharedState&) = delete;
  // Leaves. The last one removes what means nothing any more.
  ~SharedState();

  // --- For readers that cannot write: shared_state_watch.cc

  // Looks on without changing a byte, and keeps everybody from using space again from the first
  // Approach to the end of the result's life.
  static std::unique_ptr<SharedState> Watch(std::shared_ptr<Backend> backend);
  // Finds out whether somebody who may write has the store open. True: from now on, and for good,
  // the state is the one that they publish. False: there is nobody; the caller reads what is there
  // and publishes that, which only it sees. Until Settle() nobody comes or goes.
  absl::StatusOr<bool> Approach(absl::Duration wait);
  void Settle();
  // Whether somebody has opened the store since an Approach that found nobody: then what was read
  // may be old. No system call, but where there was no lock file: then one.
  bool SomebodyCame();

  // Whether readers that cannot write have the store open: what they may read must not be
  // overwritten. Needs the writer's lock (or to be the first), and that what gives the bytes up is
  // published: such a reader locks, THEN reads the published state.
  bool IsWatched();
  // Whether IsWatched takes system calls.
  bool asks_system() const { return shared_; }

  // --- For everybody else

  // Whether nobody else had the store open: then the state is to be recovered and published.
  bool first() const { return first_; }
  // Lets others in, who were kept out since Join.
  absl::Status Ready();

  // The published state: the generation of its last record, and in which log that ends where. The
  // generation is published last, so what published_end() says after generation() is at least as
  // new. Log numbers are told apart from `known`, one seen earlier or 0.
  uint64_t generation() const { return head().generation.load(); }
  struct End {
    uint64_t log_number;
    uint64_t tail;
  };
  End published_end(uint64_t known) const;
  // Needs the writer's lock (or to be the first).
  void Publish(const End& end, uint64_t generation);

  // The lock that makes this process the writer. Not recursive. The result is false when the one
  // before died with it, or gave it back uncleanly: then the log's end is to be looked at.
  // Unavailable, naming the holder, when it is not to be had in time. Somebody who has waited for
  // long gets it before whoever comes later.
  absl::StatusOr<bool> LockWriter(absl::Duration wait);
  void UnlockWriter(bool clean);
  // Whether another process has it now.
  bool AnotherWrites();

  const std::shared_ptr<PinCounters>& pins() const { return pins_; }

  // A look at everybody's counters, for some extents one after another: whether a process lives,
  // and whether there are readers that cannot count, is asked once. Needs the writer's lock, and
  // all that gives the extents up to be published.
  class PinScan {
   public:
    explicit PinScan(SharedState& shared);
    bool IsPinned(uint64_t extent);
    // The same for an extent that no published state ever named: who cannot count cannot read it.
    bool IsCounted(uint64_t extent);
    // Whether the question that takes system calls has been asked.
    bool has_asked() const { return watched_.has_value(); }

   private:
    SharedState& shared_;
    std::vector<bool> alive_;  // by slot; false: not asked yet
    std::optional<bool> watched_;
  };

  // The generation that a barrier of this process is going to cover; 0: none in the making. Needs
  // the writer's lock, as does reading those of others.
  void SetPendingBarrier(uint64_t generation) { pins_->table()->pending_barrier.store(generation); }
  absl::StatusOr<std::vector<uint64_t>> PendingBarriers();

  // A segment number that no process has used since the first one opened the store.
  uint32_t NextSegment() { return head().next_segment.fetch_add(1); }
  void NoteSegment(uint32_t number);

  // Counts the times that a segment file came, went, or changed its size. Needs the writer's lock.
  uint64_t segment_changes() const { return head().segment_changes.load(); }
  void NoteSegmentChange() { head().segment_changes.fetch_add(1); }

  // The extent whose bytes are being overwritten where they lie; 0: none. Needs the writer's lock.
  // A reader that finds it after it has pinned the extent lets go, and waits.
  void SetRewriting(uint64_t extent) { head().rewriting.store(extent); }
  uint64_t rewriting() const { return head().rewriting.load(); }

  // Around fork(), so that the views that a child inherits stay pinned when its parent gives them
  // up. No pin may be taken from PrepareFork until one of the others returns.
  void PrepareFork();
  void AfterForkInParent();
  void AfterForkInChild();

 private:
  struct Head {
    uint64_t magic;
    std::atomic<uint64_t> generation;
    std::atomic<uint64_t> end;  // both parts in one word, so that they are of one moment
    std::atomic<uint64_t> segment_changes;
    std::atomic<uint64_t> rewriting;
    std::atomic<uint32_t> next_segment{1};
    std::atomic<uint32_t> slots;   // slot files that exist
    std::atomic<uint32_t> writer;  // process number while it writes, and after it died writing
    // A bit for each process that waits long for the writer's lock.
    std::atomic<uint64_t> impatient;
  };
  struct Slot {
    uint32_t number = 0;
    std::unique_ptr<File> file;
    MappedRegion region;  // empty: the table is heap memory
    PinTable* table = nullptr;
  };

  SharedState(std::shared_ptr<Backend> backend, bool shared)
      : backend_(std::move(backend)), shared_(shared) {}
  absl::Status Enter(absl::Duration wait);
  absl::Status OpenHead();
  absl::StatusOr<Slot> OpenSlot(uint32_t number);
  absl::StatusOr<Slot> ClaimSlot();
  // Opens the slots that have come since.
  absl::Status OpenOthers();
  bool ReapIfDead(Slot& slot);
  absl::Status RemoveFiles();
  Head& head() const { return *head_.load(std::memory_order_acquire); }

  absl::Status WaitForWriterByte(absl::Duration wait);
  void GiveWay(absl::Duration longest);

  absl::Status CountOpening();
  uint64_t Openings();
  // Whether a slot of the head has a living owner, who may write. Nobody comes or goes meanwhile.
  static absl::StatusOr<bool> HasWriters(Backend& backend);
  absl::Status LockToWatch(absl::Duration wait);
  absl::Status Attach();

  const std::shared_ptr<Backend> backend_;
  const bool shared_;  // with other processes
  bool first_ = false;
  bool entered_ = false;
  std::unique_ptr<File> lock_file_;
  std::unique_ptr<Head> private_head_;
  MappedRegion head_region_;
  std::atomic<Head*> head_{nullptr};  // of a watcher: changes once, from private_head_
  std::unique_ptr<PinTable> private_table_;
  Slot own_;
  std::shared_ptr<PinCounters> pins_;
  std::vector<Slot> others_;  // by number, this process's own included, opened as they are needed

  // Of a watcher.
  bool watching_ = false;
  bool attached_ = false;       // head_ is that of the others
  bool settled_ = true;         // false: holds the setup byte
  uint64_t seen_openings_ = 0;  // before the last Approach looked
  MappedRegion openings_;       // the count in the lock file; empty until it has one

  // Between PrepareFork and its end.
  Slot child_;
  std::unique_ptr<File> child_lock_file_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SHARED_STATE_H_
