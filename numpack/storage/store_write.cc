// The writing half of Store: the turn, space, commits, flushes and the change of logs.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

// A log is left when it has grown to this, and to several times the checkpoint it began with.
constexpr uint64_t kMinLogBytes = uint64_t{1} << 20;
constexpr uint64_t kLogToCheckpoint = 4;

EntryRecord MakeRecord(const std::string& name, const Entry& entry) {
  EntryRecord record;
  record.name = name;
  record.metadata = entry.metadata;
  record.length = entry.length;
  record.in_place = entry.in_place != InPlace::kNo;
  if (entry.extent != nullptr) {
    record.extent = {entry.extent->number, entry.extent->segment_number, entry.extent->offset,
                     entry.extent->capacity, entry.extent->own_segment};
  }
  return record;
}

}  // namespace

absl::Status Store::TakeTurn() {
  const auto is_free = [](bool* taken) { return !*taken; };
  if (!turn_mu_.LockWhenWithTimeout(absl::Condition(+is_free, &turn_taken_), lock_wait_)) {
    turn_mu_.Unlock();
    return absl::UnavailableError(absl::StrCat(
        "another batch or write of this process (", ProcessId(), ") held the writer lock of ",
        backend_->Describe(), " for ", absl::FormatDuration(lock_wait_), ": end it first"));
  }
  turn_taken_ = true;
  turn_mu_.Unlock();
  return absl::OkStatus();
}

void Store::EndTurn() {
  absl::MutexLock lock(&turn_mu_);
  turn_taken_ = false;
}

absl::StatusOr<Transaction> Store::Begin() {
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  NUMPACK_RETURN_IF_ERROR(backend_->CheckPresent());
  NUMPACK_RETURN_IF_ERROR(TakeTurn());
  return Transaction(shared_from_this());
}

absl::StatusOr<std::shared_ptr<Extent>> Store::Allocate(uint64_t bytes, bool own_pages) {
  absl::MutexLock lock(&write_mu_);
  CollectLimbo();
  return space_.Allocate(bytes, own_pages);
}

absl::StatusOr<bool> Store::Grow(Extent& extent, uint64_t bytes) {
  absl::MutexLock lock(&write_mu_);
  return space_.Grow(extent, bytes);
}

void Store::Release(const std::shared_ptr<Extent>& extent) {
  absl::MutexLock lock(&write_mu_);
  ReleaseLocked(extent);
}

void Store::ReleaseLocked(const std::shared_ptr<Extent>& extent) {
  if (!limbo_.Add(extent)) space_.Free(*extent);
}

void Store::CollectLimbo() {
  // Looking through limbo takes time in proportion to it, so only when somebody gave a pin back
  // since. (What a barrier held back is collected when the next one is sealed.)
  const uint64_t releases = releases_->load();
  if (releases == seen_releases_) return;
  seen_releases_ = releases;
  FreeCollected();
}

void Store::FreeCollected() {
  for (const std::shared_ptr<Extent>& extent : limbo_.Collect()) space_.Free(*extent);
}

uint64_t Store::NextOrdinal() {
  absl::MutexLock lock(&mu_);
  last_ordinal_ = std::max(last_ordinal_ + 1, catalogue_.next_ordinal());
  return last_ordinal_;
}

absl::Status Store::Commit(absl::Span<const std::string> removes,
                           absl::Span<const Catalogue::Put> puts) {
  CommitPayload payload;
  payload.removes.assign(removes.begin(), removes.end());
  payload.puts.reserve(puts.size());
  for (const Catalogue::Put& put : puts) payload.puts.push_back(MakeRecord(put.name, *put.entry));

  absl::MutexLock write_lock(&write_mu_);
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  NUMPACK_RETURN_IF_ERROR(log_->Append({{RecordKind::kCommit, Encode(payload)}}));
  ++commits_;
  std::vector<std::shared_ptr<Extent>> superseded;
  {
    absl::MutexLock lock(&mu_);
    superseded = catalogue_.Apply(removes, puts, log_->generation());
  }
  for (const std::shared_ptr<Extent>& extent : superseded) ReleaseLocked(extent);
  if (durability_.load() == Durability::kFull) NUMPACK_RETURN_IF_ERROR(FlushLocked());
  MaybeChangeLog();
  return absl::OkStatus();
}

absl::Status Store::Flush() {
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  absl::MutexLock write_lock(&write_mu_);
  return FlushLocked();
}

absl::Status Store::FlushLocked() {
  if (log_->generation() == sealed_generation_) return absl::OkStatus();  // nothing since
  if (syncs()) {
    if (absl::Status status = space_.Sync(); !status.ok()) return Poison(std::move(status));
  }
  if (absl::Status status = log_->Append({{RecordKind::kBarrier, ""}}); !status.ok()) return status;
  limbo_.Barrier(log_->generation());
  if (syncs()) {
    if (absl::Status status = log_->Sync(); !status.ok()) return Poison(std::move(status));
  }
  NUMPACK_RETURN_IF_ERROR(log_->Append({{RecordKind::kSeal, ""}}));
  sealed_generation_ = log_->generation();
  limbo_.Sealed();
  FreeCollected();
  return absl::OkStatus();
}

CheckpointPayload Store::MakeCheckpoint(uint64_t log_number) const {
  absl::MutexLock lock(&mu_);
  CheckpointPayload checkpoint;
  checkpoint.log_number = log_number;
  checkpoint.entries.reserve(catalogue_.size());
  for (const auto& [ordinal, name] : catalogue_.names()) {
    checkpoint.entries.push_back(MakeRecord(name, *catalogue_.Find(name)));
  }
  return checkpoint;
}

absl::Status Store::StartLog(uint64_t number) {
  if (syncs()) {
    if (absl::Status status = space_.Sync(); !status.ok()) return Poison(std::move(status));
  }
  const std::vector<CommitLog::Item> first = {
      {RecordKind::kCheckpoint, Encode(MakeCheckpoint(number))},
      {RecordKind::kSession, Encode(SessionPayload{ProcessId(), backend_->BootId()})},
      {RecordKind::kBarrier, ""},
  };
  const uint64_t generation = log_ == nullptr ? 0 : log_->generation();
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<CommitLog> log,
                           CommitLog::Create(*backend_, number, generation, first));
  if (syncs()) {
    NUMPACK_RETURN_IF_ERROR(log->Sync());
    NUMPACK_RETURN_IF_ERROR(backend_->SyncDirectory());
  }
  limbo_.Barrier(log->generation());
  NUMPACK_RETURN_IF_ERROR(log->Append({{RecordKind::kSeal, ""}}));
  limbo_.Sealed();
  FreeCollected();
  sealed_generation_ = log->generation();
  checkpoint_bytes_ = log->bytes();
  log_ = std::move(log);
  return absl::OkStatus();
}

void Store::MaybeChangeLog() {
  if (log_->bytes() < std::max(kMinLogBytes, kLogToCheckpoint * checkpoint_bytes_)) return;
  const uint64_t old_number = log_->number();
  if (StartLog(old_number + 1).ok()) {
    RemoveLog(old_number);
    return;
  }
  // The old log is still good, so this is no failure of the commit. But a new log that was left
  // behind would count before the old one at the next open, and what is appended to the old one
  // from now on would be lost.
  const absl::Status removed = backend_->Remove(CommitLog::FileName(old_number + 1));
  if (!removed.ok() && !absl::IsNotFound(removed)) Poison(removed).IgnoreError();
  checkpoint_bytes_ = log_->bytes();  // try again when it has grown as much again
}

void Store::RemoveLog(uint64_t number) {
  // A log that stays is only a stale file: a newer one counts before it, and the next open removes
  // it.
  backend_->Remove(CommitLog::FileName(number)).IgnoreError();
}

}  // namespace numpack::storage
