// Turns, space and commits.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

// Asking whether somebody watches takes two system calls, a quarter of a small commit. So small
// extents that are given up wait until they are this many, and are asked for together.
constexpr size_t kMostUnasked = 16;
constexpr uint64_t kSmallBytes = uint64_t{32} << 10;

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
  absl::Status locked = AcquireLock(lock_wait_);
  if (!locked.ok()) {
    absl::MutexLock lock(&turn_mu_);
    turn_taken_ = false;
  }
  return locked;
}

void Store::EndTurn() {
  ReleaseLock();
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
  // Pins are given back without a word to the writer, so some of what waits is looked at each time:
  // more than has come since the last one.
  constexpr size_t kLeastLookedAt = 8;
  absl::StatusOr<std::shared_ptr<Extent>> extent;
  {
    absl::MutexLock lock(&write_mu_);
    if (unasked_ == 0 || unasked_ >= kMostUnasked || bytes >= kSmallBytes)
      FreeCollected(kLeastLookedAt + 2 * unasked_);
    extent = space_->Allocate(bytes, own_pages);
    if (!absl::IsResourceExhausted(extent.status()) || limbo_.waiting().empty()) return extent;
  }
  // What only waits for a flush is free after one.
  if (!Flush().ok()) return extent;
  absl::MutexLock lock(&write_mu_);
  FreeCollected(limbo_.waiting().size());
  return space_->Allocate(bytes, own_pages);
}

absl::StatusOr<bool> Store::Grow(Extent& extent, uint64_t bytes) {
  absl::MutexLock lock(&write_mu_);
  return space_->Grow(extent, bytes);
}

void Store::Release(const std::shared_ptr<Extent>& extent) {
  absl::MutexLock lock(&write_mu_);
  ReleaseLocked(extent);
}

void Store::ReleaseLocked(const std::shared_ptr<Extent>& extent) {
  SharedState::PinScan scan(*shared_);
  ReleaseLocked(extent, scan);
}

void Store::ReleaseLocked(const std::shared_ptr<Extent>& extent, SharedState::PinScan& scan) {
  if (extent->named_at != 0 && extent->capacity < kSmallBytes && unasked_ < kMostUnasked &&
      shared_->asks_system() && !scan.has_asked()) {
    limbo_.Keep(extent);
    ++unasked_;
    return;
  }
  const auto pinned = [&](const Extent& e) {
    return e.named_at == 0 ? scan.IsCounted(e.number) : scan.IsPinned(e.number);
  };
  if (!limbo_.Add(extent, pinned)) {
    space_->Free(*extent);
  } else if (extent->named_at == 0) {
    unlogged_.push_back(extent);
  }
}

void Store::FreeCollected(size_t limit) {
  unasked_ = 0;
  space_->DropExcessSpares();
  if (limbo_.waiting().empty()) return;
  SharedState::PinScan scan(*shared_);
  const auto pinned = [&](const Extent& e) { return scan.IsPinned(e.number); };
  for (const std::shared_ptr<Extent>& extent : limbo_.CollectSome(limit, pinned)) {
    space_->Free(*extent);
    // Its place and its number may have another's bytes by the time that LogKept looks.
    unlogged_.erase(std::remove(unlogged_.begin(), unlogged_.end(), extent), unlogged_.end());
  }
}

bool Store::IsRead(const Extent& extent) {
  absl::MutexLock lock(&write_mu_);
  return SharedState::PinScan(*shared_).IsPinned(extent.number);
}

uint64_t Store::NextOrdinal() {
  absl::MutexLock lock(&mu_);
  last_ordinal_ = std::max(last_ordinal_ + 1, catalogue_.next_ordinal());
  return last_ordinal_;
}

absl::Status Store::Append(absl::Span<const CommitLog::Item> items,
                           absl::FunctionRef<void(Catalogue&)> apply) {
  absl::Status appended = log_->Append(items);
  if (absl::IsResourceExhausted(appended) && log_->sound()) {
    // What is free in segments may be what the log needs.
    space_->Trim().IgnoreError();
    appended = log_->Append(items);
  }
  NUMPACK_RETURN_IF_ERROR(appended);
  // In one step for the readers of this process; those of others look at what is published.
  absl::MutexLock lock(&mu_);
  apply(catalogue_);
  log_number_ = log_->number();
  log_file_ = log_->file();
  position_ = log_->position();
  shared_->Publish({log_->number(), log_->bytes()}, log_->generation());
  return absl::OkStatus();
}

absl::Status Store::Commit(absl::Span<const std::string> removes,
                           absl::Span<const Catalogue::Put> puts) {
  CommitPayload payload;
  payload.removes.assign(removes.begin(), removes.end());
  payload.puts.reserve(puts.size());
  for (const Catalogue::Put& put : puts) payload.puts.push_back(MakeRecord(put.name, *put.entry));
  {
    absl::MutexLock write_lock(&write_mu_);
    NUMPACK_RETURN_IF_ERROR(CheckWritable());
    const uint64_t generation = log_->generation() + 1;
    std::vector<std::shared_ptr<Extent>> superseded;
    std::vector<uint64_t> looked_at;
    if (IsBroken("counters-looked-at-before-publishing")) {
      SharedState::PinScan scan(*shared_);
      absl::MutexLock lock(&mu_);
      for (const auto& [ordinal, item] : catalogue_.items()) {
        const EntryPtr& entry = item->second;
        if (entry->extent != nullptr && !scan.IsPinned(entry->extent->number))
          looked_at.push_back(entry->extent->number);
      }
    }
    NUMPACK_RETURN_IF_ERROR(Append(
        {{RecordKind::kCommit, Encode(payload)}},
        [&](Catalogue& catalogue) { superseded = catalogue.Apply(removes, puts, generation); }));
    NoteWritten(generation);
    ++commits_;
    SharedState::PinScan scan(*shared_);
    for (const std::shared_ptr<Extent>& extent : superseded) {
      if (std::find(looked_at.begin(), looked_at.end(), extent->number) != looked_at.end()) {
        if (!limbo_.Add(extent, [](const Extent&) { return false; })) space_->Free(*extent);
        continue;
      }
      ReleaseLocked(extent, scan);
    }
  }
  if (durability_.load() == Durability::kFull) NUMPACK_RETURN_IF_ERROR(Flush());
  MaybeChangeLog();
  return absl::OkStatus();
}

}  // namespace numpack::storage
