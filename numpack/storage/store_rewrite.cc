// Rewriting: bytes of an array that change where they lie, all or nothing.
//
// Readers are kept away by the word `rewriting` in shared memory: a reader pins, then looks at it;
// the writer sets it, then looks at the pins. The log's record is the commit, see RedoPayload.
#include <algorithm>
#include <utility>

#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/store.h"

namespace numpack::storage {
namespace {

// Below, a new extent is as cheap; above (in part or in whole), the log would grow too fast.
constexpr uint64_t kMinArrayBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxRewrittenBytes = uint64_t{1} << 20;
constexpr uint64_t kArrayToRewritten = 4;

}  // namespace

absl::StatusOr<bool> Store::Rewrite(absl::string_view name, absl::Span<const BytesAt> pieces,
                                    std::string metadata) {
  const EntryPtr entry = FindEntry(name);
  uint64_t total = 0;
  for (const BytesAt& piece : pieces) total += piece.bytes.size();
  if (entry == nullptr || entry->extent == nullptr || entry->in_place != InPlace::kNo ||
      entry->length < kMinArrayBytes || total > kMaxRewrittenBytes ||
      total > entry->length / kArrayToRewritten) {
    return false;
  }
  const Extent& extent = *entry->extent;
  {
    absl::MutexLock write_lock(&write_mu_);
    NUMPACK_RETURN_IF_ERROR(CheckWritable());
    shared_->SetRewriting(extent.number);
    if (SharedState::PinScan(*shared_).IsPinned(extent.number)) {
      shared_->SetRewriting(0);
      return false;  // whoever holds it keeps the old bytes
    }
    RedoPayload payload;
    payload.name = std::string(name);
    payload.metadata = std::move(metadata);
    payload.extent = extent.number;
    const bool needs_undo = limbo_.IsProtected(extent);
    for (const BytesAt& piece : pieces) {
      const auto* data = reinterpret_cast<const char*>(piece.bytes.data());
      payload.redo.push_back({piece.offset, std::string(data, piece.bytes.size())});
      if (!needs_undo) continue;
      std::string old(piece.bytes.size(), '\0');
      const absl::Status read = extent.segment->Read(
          extent.offset + piece.offset,
          absl::MakeSpan(reinterpret_cast<std::byte*>(old.data()), old.size()));
      if (!read.ok()) {
        shared_->SetRewriting(0);
        return read;
      }
      payload.undo.push_back({piece.offset, std::move(old)});
    }
    const absl::Status appended = log_->Append({{RecordKind::kRedo, Encode(payload)}});
    if (!appended.ok()) {
      shared_->SetRewriting(0);
      return appended;
    }
    // From here on it is committed. If it cannot be finished, whoever takes the lock next does.
    absl::Status status = FinishRewrite(extent, payload, needs_undo);
    if (!status.ok()) {
      end_unclear_ = true;
      return status;
    }
    NoteWritten(log_->generation());
    ++commits_;
    {
      absl::MutexLock lock(&mu_);
      auto changed = std::make_shared<Entry>(*entry);
      changed->metadata = std::move(payload.metadata);
      catalogue_.Update(name, std::move(changed));
      position_ = log_->position();
      shared_->Publish({log_->number(), log_->bytes()}, log_->generation());
    }
    shared_->SetRewriting(0);
  }
  if (durability_.load() == Durability::kFull) NUMPACK_RETURN_IF_ERROR(Flush());
  MaybeChangeLog();
  return true;
}

absl::Status Store::FinishRewrite(const Extent& extent, const RedoPayload& payload,
                                  bool needs_undo) {
  // What could come back must be restorable before it is overwritten.
  if (needs_undo && syncs()) {
    if (absl::Status status = log_->Sync(); !status.ok()) return Poison(std::move(status));
  }
  for (const RedoPayload::Piece& piece : payload.redo) {
    const auto* data = reinterpret_cast<const std::byte*>(piece.bytes.data());
    const absl::Span<const std::byte> bytes = absl::MakeConstSpan(data, piece.bytes.size());
    NUMPACK_RETURN_IF_ERROR(
        extent.segment->Write(extent.offset + piece.offset, absl::MakeConstSpan(&bytes, 1)));
  }
  return absl::OkStatus();
}

absl::Status Store::ApplyRewrites(absl::Span<const RecoveredState::Rewrite> rewrites) {
  for (const RecoveredState::Rewrite& rewrite : rewrites) {
    const auto* data = reinterpret_cast<const std::byte*>(rewrite.piece.bytes.data());
    const absl::Span<const std::byte> bytes = absl::MakeConstSpan(data, rewrite.piece.bytes.size());
    NUMPACK_RETURN_IF_ERROR(rewrite.extent->segment->Write(
        rewrite.extent->offset + rewrite.piece.offset, absl::MakeConstSpan(&bytes, 1)));
  }
  shared_->SetRewriting(0);
  return absl::OkStatus();
}

// Called with a pin that is given up: the writer sees it otherwise.
absl::Status Store::WaitForRewrite(uint64_t extent) {
  constexpr absl::Duration kPause = absl::Microseconds(20);
  constexpr int kPausesBeforeAsking = 100;
  for (int pauses = 1; shared_->rewriting() == extent; ++pauses) {
    absl::SleepFor(kPause);
    if (pauses % kPausesBeforeAsking != 0) continue;
    // A writer that died leaves it to the next one to finish, and if there is none, to this reader.
    if (shared_->AnotherWrites()) continue;
    NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait_));
    ReleaseLock();
  }
  return absl::OkStatus();
}

}  // namespace numpack::storage
