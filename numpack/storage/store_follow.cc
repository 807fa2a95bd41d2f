// Other processes: the writer's lock, and following what they publish.
#include <algorithm>
#include <utility>

#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/store.h"

namespace numpack::storage {
namespace {

// Effects that are kept for the books; more, and reading the log again is as cheap.
constexpr size_t kMaxEffects = 4096;

}  // namespace

absl::Status Store::Follow() {
  for (;;) {
    if (read_only_) NUMPACK_RETURN_IF_ERROR(LookAround());
    const uint64_t generation = shared_->generation();
    if (generation == 0) {
      return absl::UnavailableError(absl::StrCat(
          backend_->Describe(), " is in use by a process that has not opened it yet: try again"));
    }
    if (generation <= position_.generation && unattached_.empty() && !reread_)
      return absl::OkStatus();
    absl::Status status = FollowTo(shared_->published_end(log_number_));
    // What was read may be gone already, when others published meanwhile.
    if (!status.ok() && shared_->generation() == generation) return status;
  }
}

absl::Status Store::FollowTo(const SharedState::End& end) {
  if (end.log_number != log_number_ || reread_) {
    NUMPACK_ASSIGN_OR_RETURN(
        RecoveredState state,
        ReadPublished(*backend_, segments_, shared_->pins(), end.log_number, end.tail));
    catalogue_ = std::move(state.catalogue);
    log_number_ = end.log_number;
    log_file_ = std::move(state.log_file);
    position_ = state.end;
    unattached_.clear();
    effects_.clear();
    books_stale_ = true;
    reread_ = false;
    return absl::OkStatus();
  }
  if (end.tail > position_.offset) {
    NUMPACK_ASSIGN_OR_RETURN(const ParsedLog log, ParseLog(*log_file_, position_, end.tail));
    if (log.stop.offset != end.tail)
      return CorruptLog(*log_file_, log.stop.offset, "not a record, although it is published");
    for (const auto& [offset, record] : log.records) {
      auto effect = ApplyRecord(record, /*first=*/false, log_number_, shared_->pins(), catalogue_);
      if (absl::IsDataLoss(effect.status()))
        return CorruptLog(*log_file_, offset, effect.status().message());
      NUMPACK_RETURN_IF_ERROR(effect.status());
      position_ = {offset + record.length, record.generation, record.checksum};
      unattached_.insert(unattached_.end(), effect->named.begin(), effect->named.end());
      if (!books_stale_) effects_.push_back(*std::move(effect));
    }
    if (effects_.size() > kMaxEffects) {
      effects_.clear();
      books_stale_ = true;
    }
  }
  while (!unattached_.empty()) {
    Extent& extent = *unattached_.back();
    // Of one that was superseded since, the file may be gone.
    if (extent.superseded_at == 0) NUMPACK_RETURN_IF_ERROR(Attach(*backend_, segments_, extent));
    unattached_.pop_back();
  }
  return absl::OkStatus();
}

absl::Status Store::AcquireLock(absl::Duration wait) {
  absl::MutexLock lock(&lock_mu_);
  if (lock_users_ == 0) {
    NUMPACK_ASSIGN_OR_RETURN(const bool clean, shared_->LockWriter(wait));
    if (absl::Status status = TakeOver(clean); !status.ok()) {
      shared_->UnlockWriter(clean);
      return status;
    }
  }
  ++lock_users_;
  return absl::OkStatus();
}

void Store::ReleaseLock() {
  absl::MutexLock lock(&lock_mu_);
  if (lock_users_ > 1) {
    --lock_users_;
    return;
  }
  // Another writer would take what it has never heard of for free. So if it cannot be told, this
  // process keeps the lock.
  if (!LogKept().ok()) return;
  lock_users_ = 0;
  absl::MutexLock write_lock(&write_mu_);
  shared_->UnlockWriter(/*clean=*/log_->sound() && !end_unclear_);
}

absl::Status Store::TakeOver(bool clean) {
  absl::MutexLock write_lock(&write_mu_);
  if (IsUnadopted()) {
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(Follow());
  }
  const bool unadopted = IsUnadopted();
  if (unadopted) {
    NUMPACK_ASSIGN_OR_RETURN(const bool import, IsImport());
    if (import) return AdoptImport();
    // Whoever adopted it last got as far as the log, and no further.
  }
  if (clean && !unadopted) {
    NUMPACK_RETURN_IF_ERROR(TakeOverCleanly());
  } else {
    NUMPACK_ASSIGN_OR_RETURN(
        RecoveredState state,
        storage::Recover(*backend_, segments_, shared_->pins(), Reader::kSuccessor));
    NUMPACK_RETURN_IF_ERROR(AdoptRecovered(std::move(state), /*alone=*/false));
  }
  NUMPACK_ASSIGN_OR_RETURN(std::vector<uint64_t> pending, shared_->PendingBarriers());
  limbo_.SetPending(std::move(pending));
  // While this process has the lock the others cannot write their barriers: this one does.
  if (changed_ > covered_) NoteWritten(changed_);
  return absl::OkStatus();
}

// The writer before has published all it did.
absl::Status Store::TakeOverCleanly() {
  std::vector<Effect> effects;
  std::optional<RecoveredState> reread;
  uint64_t log_number = 0;
  std::shared_ptr<File> log_file;
  CommitLog::Position position;
  {
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(Follow());
    if (books_stale_) {
      NUMPACK_ASSIGN_OR_RETURN(reread, ReadPublished(*backend_, segments_, shared_->pins(),
                                                     log_number_, position_.offset));
    }
    effects.swap(effects_);
    books_stale_ = true;  // unless all goes well below: these effects are not seen again
    log_number = log_number_;
    log_file = log_file_;
    position = position_;
  }
  if (reread.has_value()) {
    NUMPACK_RETURN_IF_ERROR(AdoptRead(*std::move(reread), /*alone=*/false));
  }
  if (log_ == nullptr || log_->number() != log_number) {
    NUMPACK_ASSIGN_OR_RETURN(
        log_, CommitLog::Continue(std::move(log_file), log_number, position, /*torn=*/false));
    checkpoint_bytes_ = log_->checkpoint_bytes();
  } else {
    log_->MoveTo(position);
  }
  if (!effects.empty()) {
    // Barriers that were in the making while others committed, as some may be now: what was
    // superseded meanwhile belongs to the states that they bring back.
    NUMPACK_ASSIGN_OR_RETURN(std::vector<uint64_t> in_the_making, shared_->PendingBarriers());
    for (const Effect& effect : effects) {
      if (effect.kind == RecordKind::kBarrier) in_the_making.push_back(effect.generation);
    }
    limbo_.SetPending(std::move(in_the_making));
  }
  for (const Effect& effect : effects) {
    NUMPACK_RETURN_IF_ERROR(FollowWithSpace(effect));
  }
  {
    absl::MutexLock lock(&mu_);
    books_stale_ = false;
  }
  if (const uint64_t changes = shared_->segment_changes(); changes != seen_segment_changes_) {
    NUMPACK_RETURN_IF_ERROR(space_->Refresh());
    seen_segment_changes_ = changes;
    ForgetWhatIsCut();
  }
  return absl::OkStatus();
}

// What waits here may have been free to another process, and given up. When the file grows again,
// it has other arrays in that place.
void Store::ForgetWhatIsCut() {
  limbo_.Drop([&](Extent& extent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) {
    if (!space_->IsCut(extent)) return false;
    space_->Free(extent);
    return true;
  });
}

absl::Status Store::FollowWithSpace(const Effect& effect) {
  const auto claim = [&](const std::shared_ptr<Extent>& extent)
                         ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) -> absl::Status {
    for (const std::shared_ptr<Extent>& freed : limbo_.TakeReplacedBy(*extent))
      space_->Free(*freed);
    return space_->Claim(extent);
  };
  for (const std::shared_ptr<Extent>& extent : effect.named) NUMPACK_RETURN_IF_ERROR(claim(extent));
  for (const std::shared_ptr<Extent>& extent : effect.kept) {
    NUMPACK_RETURN_IF_ERROR(claim(extent));
    limbo_.Keep(extent);
  }
  for (const std::shared_ptr<Extent>& extent : effect.superseded) ReleaseLocked(extent);
  if (effect.ChangesState()) changed_ = effect.generation;
  if (effect.kind == RecordKind::kBarrier) {
    limbo_.Barrier(effect.generation);
    barrier_ = effect.generation;
  }
  if (effect.kind == RecordKind::kSeal) {
    limbo_.Sealed();
    covered_ = barrier_;
  }
  return absl::OkStatus();
}

// Starts the books anew from a state that was read.
absl::Status Store::AdoptRead(RecoveredState state, bool alone) {
  std::vector<std::shared_ptr<Extent>> used = state.limbo.waiting();
  for (const auto& [ordinal, item] : state.catalogue.items()) {
    const EntryPtr& entry = item->second;
    if (entry->extent == nullptr) continue;
    used.push_back(entry->extent);
    // What was stored through a mapping was perhaps never synced; nothing else tells.
    if (entry->in_place != InPlace::kNo && !IsBroken("interrupted-stores-not-synced"))
      entry->extent->segment->MarkDirty();
  }
  auto space = std::make_unique<Space>(backend_, segments_, *shared_);
  seen_segment_changes_ = shared_->segment_changes();
  NUMPACK_RETURN_IF_ERROR(space->Adopt(used, alone, state.changed > state.covered));
  space_ = std::move(space);
  limbo_ = std::move(state.limbo);
  // A file may be shorter by now than it was when this process last looked.
  ForgetWhatIsCut();
  changed_ = state.changed;
  barrier_ = covered_ = state.covered;
  absl::MutexLock lock(&mu_);
  catalogue_ = std::move(state.catalogue);
  if (state.log_file != nullptr) {
    log_number_ = state.log_number;
    log_file_ = std::move(state.log_file);
    position_ = state.end;
  }
  unattached_.clear();
  effects_.clear();
  books_stale_ = false;
  return absl::OkStatus();
}

// The same, and goes on where the log ends, or in a new one.
absl::Status Store::AdoptRecovered(RecoveredState state, bool alone) {
  const std::shared_ptr<File> file = state.log_file;
  const uint64_t number = state.log_number;
  const CommitLog::Position end = state.end;
  const bool torn = state.torn, sealed = state.sealed, untrusted = state.untrusted_tail;
  const bool boot_noted = state.boot_noted;
  const std::vector<uint64_t> stale_logs = std::move(state.stale_logs);
  const std::vector<RecoveredState::Rewrite> rewrites = std::move(state.rewrites);
  NUMPACK_RETURN_IF_ERROR(AdoptRead(std::move(state), alone));
  // The writer may have died before it made durable what restores the bytes that go now.
  if (!rewrites.empty() && syncs() && !IsBroken("redo-finished-before-log-synced"))
    NUMPACK_RETURN_IF_ERROR(file->Sync());
  NUMPACK_RETURN_IF_ERROR(ApplyRewrites(rewrites));
  end_unclear_ = false;
  if (untrusted) {
    uint64_t newest = number;
    for (const uint64_t other : stale_logs) newest = std::max(newest, other);
    NUMPACK_RETURN_IF_ERROR(StartLog(newest + 1, end.generation));
    RemoveLog(number);
  } else {
    NUMPACK_ASSIGN_OR_RETURN(log_, CommitLog::Continue(file, number, end, torn));
    checkpoint_bytes_ = log_->checkpoint_bytes();
    std::vector<CommitLog::Item> items;
    if (!sealed) {
      // Whoever made this log died before it was known to be durable.
      if (syncs() && !IsBroken("found-log-sealed-unsynced")) {
        NUMPACK_RETURN_IF_ERROR(log_->Sync());
        NUMPACK_RETURN_IF_ERROR(backend_->SyncDirectory());
      }
      items.push_back({RecordKind::kSeal, ""});
      limbo_.Sealed();
    }
    // Once for each boot, so that opening a store again and again does not make its log longer.
    if (!boot_noted) {
      items.push_back(
          {RecordKind::kSession, Encode(SessionPayload{ProcessId(), backend_->BootId()})});
    }
    // Publishes the state also when there is nothing to append.
    NUMPACK_RETURN_IF_ERROR(Append(items, [](Catalogue&) {}));
    if (changed_ > covered_) NoteWritten(changed_);
  }
  for (const uint64_t other : stale_logs) RemoveLog(other);
  return absl::OkStatus();
}

absl::Status Store::LogKept() {
  absl::MutexLock write_lock(&write_mu_);
  space_->DropExcessSpares();
  SharedState::PinScan scan(*shared_);
  KeptPayload payload;
  for (const std::shared_ptr<Extent>& extent : unlogged_) {
    if (scan.IsCounted(extent->number)) payload.extents.push_back(MakeRecord(*extent));
  }
  if (!payload.extents.empty())
    NUMPACK_RETURN_IF_ERROR(Append({{RecordKind::kKept, Encode(payload)}}, [](Catalogue&) {}));
  unlogged_.clear();
  return absl::OkStatus();
}

}  // namespace numpack::storage
