// Durability: flushes, barriers, and the change from one log to the next.
#include <algorithm>
#include <utility>

#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/store.h"

namespace numpack::storage {
namespace {

// A log is left when it has grown to StoreOptions::min_log_bytes, and to so many times the
// checkpoint that it begins with.
constexpr uint64_t kLogToCheckpoint = 4;

}  // namespace

absl::Status Store::Flush() { return Flush(lock_wait_); }

absl::Status Store::Flush(absl::Duration lock_wait) {
  if (read_only_) return CheckReadable();  // it has committed nothing
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  if (IsUnadopted()) return absl::OkStatus();  // nothing of it is ours to make durable
  absl::MutexLock flush_lock(&flush_mu_);
  return FlushLocked(lock_wait);
}

bool Store::FlushInBackground() {
  // A short wait: closing the store waits for this. A failed sync is remembered, see Poison.
  const absl::Status status = Flush(absl::Milliseconds(100));
  return !status.ok() && CheckWritable().ok();
}

void Store::NoteWritten(uint64_t generation) {
  changed_ = generation;
  wrote_ = true;
  if (background_ != nullptr && durability_.load() == Durability::kRelaxed) background_->Wake();
}

// The writer's lock is held at the beginning and at the end, and not while the data is synced,
// unless the caller has it anyway.
absl::Status Store::FlushLocked(absl::Duration lock_wait) {
  NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait));
  uint64_t covering = 0;
  Space::Unsynced unsynced;
  {
    absl::MutexLock write_lock(&write_mu_);
    if (changed_ > covered_) {
      covering = log_->generation();
      unsynced = space_->TakeUnsynced();
      // From now on nobody may use an extent again that this state names.
      limbo_.AddPending(covering);
      shared_->SetPendingBarrier(covering);
    } else {
      wrote_ = false;
    }
  }
  ReleaseLock();
  if (covering == 0) return absl::OkStatus();
  const bool data_comes_late = IsBroken("log-synced-before-data") || IsBroken("data-not-synced");
  if (syncs() && !data_comes_late) {
    if (absl::Status status = SyncAll(*backend_, unsynced); !status.ok()) {
      absl::MutexLock write_lock(&write_mu_);
      space_->NotSynced(unsynced);
      return Poison(std::move(status));
    }
  }
  NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait));
  absl::Status status;
  {
    absl::MutexLock write_lock(&write_mu_);
    if (IsBroken("barrier-covers-what-came-meanwhile")) covering = log_->generation();
    if (covered_ < covering) status = WriteBarrier(covering);
    if (IsBroken("log-synced-before-data")) status.Update(SyncAll(*backend_, unsynced));
    if (status.ok()) {
      shared_->SetPendingBarrier(0);
      if (changed_ <= covering) wrote_ = false;
      auto pending = shared_->PendingBarriers();
      if (pending.ok()) limbo_.SetPending(*std::move(pending));
      FreeCollected(limbo_.waiting().size());
    }
  }
  ReleaseLock();
  return status;
}

absl::Status Store::WriteBarrier(uint64_t covering) {
  NUMPACK_RETURN_IF_ERROR(
      Append({{RecordKind::kBarrier, Encode(BarrierPayload{covering})}}, [](Catalogue&) {}));
  limbo_.Barrier(covering);
  barrier_ = covering;
  if (IsBroken("sealed-before-log-synced"))
    NUMPACK_RETURN_IF_ERROR(Append({{RecordKind::kSeal, ""}}, [](Catalogue&) {}));
  if (syncs()) {
    if (absl::Status status = log_->Sync(); !status.ok()) return Poison(std::move(status));
  }
  if (!IsBroken("sealed-before-log-synced"))
    NUMPACK_RETURN_IF_ERROR(Append({{RecordKind::kSeal, ""}}, [](Catalogue&) {}));
  limbo_.Sealed();
  covered_ = covering;
  return absl::OkStatus();
}

CheckpointPayload Store::MakeCheckpoint(uint64_t log_number) const {
  CheckpointPayload checkpoint;
  checkpoint.log_number = log_number;
  // Once the new log is sealed no earlier state can come back, so only pins keep extents in limbo.
  SharedState::PinScan scan(*shared_);
  for (const std::shared_ptr<Extent>& extent : limbo_.waiting()) {
    if (scan.IsPinned(extent->number)) checkpoint.kept.push_back(MakeRecord(*extent));
  }
  absl::MutexLock lock(&mu_);
  checkpoint.entries.reserve(catalogue_.size());
  for (const auto& [ordinal, item] : catalogue_.items())
    checkpoint.entries.push_back(MakeRecord(item->first, *item->second));
  return checkpoint;
}

absl::Status Store::SyncData() {
  if (!syncs() || IsBroken("data-not-synced")) return absl::OkStatus();
  const Space::Unsynced unsynced = space_->TakeUnsynced();
  absl::Status status = SyncAll(*backend_, unsynced);
  if (status.ok()) return status;
  space_->NotSynced(unsynced);
  return Poison(std::move(status));
}

absl::Status Store::StartLog(uint64_t number, uint64_t generation) {
  NUMPACK_RETURN_IF_ERROR(SyncData());
  const std::vector<CommitLog::Item> first = {
      {RecordKind::kCheckpoint, Encode(MakeCheckpoint(number))},
      {RecordKind::kSession, Encode(SessionPayload{ProcessId(), backend_->BootId()})},
      {RecordKind::kBarrier, Encode(BarrierPayload{generation + 2})},
  };
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<CommitLog> log,
                           CommitLog::Create(*backend_, number, generation, first));
  if (IsBroken("old-log-removed-before-new-one-synced") && log_ != nullptr)
    RemoveLog(log_->number());
  if (syncs()) {
    NUMPACK_RETURN_IF_ERROR(log->Sync());
    NUMPACK_RETURN_IF_ERROR(backend_->SyncDirectory());
  }
  NUMPACK_RETURN_IF_ERROR(log->Append({{RecordKind::kSeal, ""}}));
  limbo_.Barrier(generation + 2);
  limbo_.Sealed();
  changed_ = barrier_ = covered_ = generation + 2;
  checkpoint_bytes_ = log->checkpoint_bytes();
  log_ = std::move(log);
  {
    absl::MutexLock lock(&mu_);
    log_number_ = number;
    log_file_ = log_->file();
    position_ = log_->position();
    shared_->Publish({number, log_->bytes()}, log_->generation());
  }
  FreeCollected(limbo_.waiting().size());
  return absl::OkStatus();
}

void Store::MaybeChangeLog() {
  const auto is_long = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) {
    return log_->bytes() >= std::max(min_log_bytes_, kLogToCheckpoint * checkpoint_bytes_);
  };
  {
    absl::MutexLock write_lock(&write_mu_);
    if (!is_long()) return;
  }
  absl::MutexLock flush_lock(&flush_mu_);  // what a flush is syncing counts as synced already
  absl::MutexLock write_lock(&write_mu_);
  if (!is_long()) return;
  ChangeLog().IgnoreError();  // the old log is still good, so this is no failure of the commit
}

absl::Status Store::ChangeLog() {
  const uint64_t old_number = log_->number();
  absl::Status status = StartLog(old_number + 1, log_->generation());
  if (status.ok()) {
    RemoveLog(old_number);
    return status;
  }
  // A new log that was left behind, or that came back after a restart, would count before the old
  // one at the next open, and what is appended to the old one from now on would be lost.
  absl::Status removed = backend_->Remove(CommitLog::FileName(old_number + 1));
  if (absl::IsNotFound(removed)) removed = absl::OkStatus();
  if (removed.ok() && syncs() && !IsBroken("removal-of-failed-log-not-synced"))
    removed = backend_->SyncDirectory();
  if (!removed.ok()) Poison(removed).IgnoreError();
  checkpoint_bytes_ = log_->bytes();  // try again when it has grown as much again
  return status;
}

void Store::RemoveLog(uint64_t number) {
  // A log that stays is only a stale file: a newer one counts before it, and the next open removes
  // it.
  backend_->Remove(CommitLog::FileName(number)).IgnoreError();
}

}  // namespace numpack::storage
