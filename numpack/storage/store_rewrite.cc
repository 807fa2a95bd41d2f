// Rewriting: bytes of an array that change where they lie, all or nothing.
//
// Readers are kept away by the word `rewriting` in shared memory: a reader pins, then looks at it;
// the writer sets it, then looks at the pins. The log's record is the commit, see RedoPayload.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "numpack/base/sort_unless_sorted.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/checksum.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/store.h"

namespace numpack::storage {
namespace {

// Below, a new extent is as cheap; above (in part or in whole), the log would grow too fast.
constexpr uint64_t kMinArrayBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxRewrittenBytes = uint64_t{1} << 20;
constexpr uint64_t kArrayToRewritten = 4;

// Who replaces rows near those before goes on near them, most likely. Then what is around them is
// logged too, in blocks of this size, so that their neighbours need no wait for the disk; at most
// two blocks, since the log must not grow too fast either.
constexpr uint64_t kUndoBlock = uint64_t{64} << 10;

// The pieces, made into such as do not overlap: of two that do, the later one wins.
std::vector<RedoPayload::Piece> Disjoint(absl::Span<const BytesAt> pieces) {
  std::vector<const BytesAt*> by_offset;
  by_offset.reserve(pieces.size());
  for (const BytesAt& piece : pieces) by_offset.push_back(&piece);
  const auto comes_before = [](const BytesAt* a, const BytesAt* b) {
    return a->offset < b->offset;
  };
  SortUnlessSorted(by_offset, comes_before);
  std::vector<RedoPayload::Piece> result;
  for (const BytesAt* piece : by_offset) {
    const uint64_t end = piece->offset + piece->bytes.size();
    if (result.empty() || piece->offset > result.back().offset + result.back().bytes.size())
      result.push_back({piece->offset, ""});
    std::string& bytes = result.back().bytes;
    bytes.resize(std::max<size_t>(bytes.size(), static_cast<size_t>(end - result.back().offset)));
  }
  for (const BytesAt& piece : pieces) {
    const auto behind = std::upper_bound(
        result.begin(), result.end(), piece.offset,
        [](uint64_t offset, const RedoPayload::Piece& p) { return offset < p.offset; });
    RedoPayload::Piece& target = *std::prev(behind);
    std::memcpy(target.bytes.data() + (piece.offset - target.offset), piece.bytes.data(),
                piece.bytes.size());
  }
  return result;
}

absl::StatusOr<std::string> ReadOld(const Entry& entry, uint64_t offset, uint64_t length) {
  std::string old(static_cast<size_t>(length), '\0');
  NUMPACK_RETURN_IF_ERROR(entry.extent->segment->Read(
      entry.extent->offset + offset,
      absl::MakeSpan(reinterpret_cast<std::byte*>(old.data()), old.size())));
  return old;
}

// Fills in what is to be written, and the checksum afterwards.
absl::Status SetRedo(const Entry& entry, absl::Span<const BytesAt> pieces, RedoPayload& payload) {
  payload.redo = Disjoint(pieces);
  payload.checksum = entry.checksum;
  if (!entry.checksum.has_value()) return absl::OkStatus();
  for (const RedoPayload::Piece& piece : payload.redo) {
    NUMPACK_ASSIGN_OR_RETURN(const std::string old,
                             ReadOld(entry, piece.offset, piece.bytes.size()));
    payload.checksum =
        ReplaceInChecksum(*payload.checksum, entry.length, piece.offset, old, piece.bytes);
  }
  return absl::OkStatus();
}

struct Range {
  uint64_t begin, end;
};

// What has to be logged before the pieces are written: they are in order and do not overlap.
std::vector<Range> NotRestorable(const Entry& entry, const RestorableBytes& restorable,
                                 const std::vector<RedoPayload::Piece>& pieces) {
  const uint64_t number = entry.extent->number;
  std::vector<Range> ranges;
  for (const RedoPayload::Piece& piece : pieces) {
    const Range range{piece.offset, piece.offset + piece.bytes.size()};
    if (range.begin < range.end && !restorable.Contains(number, range.begin, range.end))
      ranges.push_back(range);
  }
  if (ranges.empty() || !restorable.LastIsNear(number, ranges.front().begin, kUndoBlock))
    return ranges;
  const Range blocks{
      ranges.front().begin / kUndoBlock * kUndoBlock,
      std::min((ranges.back().end + kUndoBlock - 1) / kUndoBlock * kUndoBlock, entry.length)};
  if (blocks.end - blocks.begin > 2 * kUndoBlock) return ranges;
  return {blocks};
}

// Fills in what is there now, as far as it is not restorable yet.
absl::Status SetUndo(const Entry& entry, const RestorableBytes& restorable, RedoPayload& payload) {
  for (const Range& range : NotRestorable(entry, restorable, payload.redo)) {
    NUMPACK_ASSIGN_OR_RETURN(std::string old, ReadOld(entry, range.begin, range.end - range.begin));
    payload.undo.push_back({range.begin, std::move(old)});
  }
  return absl::OkStatus();
}

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
    if (SharedState::PinScan(*shared_).IsPinned(extent.number) &&
        !IsBroken("held-rows-rewritten")) {
      shared_->SetRewriting(0);
      return false;  // whoever holds it keeps the old bytes
    }
    RedoPayload payload;
    payload.name = std::string(name);
    payload.metadata = std::move(metadata);
    payload.extent = extent.number;
    absl::Status appended = SetRedo(*entry, pieces, payload);
    if (appended.ok() && limbo_.IsProtected(extent)) {
      restorable_.SetState(limbo_.NewestState());
      appended = SetUndo(*entry, restorable_, payload);
    }
    if (appended.ok()) {
      const std::vector<CommitLog::Item> record = {{RecordKind::kRedo, Encode(payload)}};
      appended = log_->Append(record);
      if (absl::IsResourceExhausted(appended) && log_->sound()) {
        space_->Trim().IgnoreError();  // as for any record
        appended = log_->Append(record);
      }
    }
    if (!appended.ok()) {
      shared_->SetRewriting(0);
      return appended;
    }
    // From here on it is committed. If it cannot be finished, whoever takes the lock next does.
    absl::Status status = FinishRewrite(extent, payload);
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
      changed->checksum = payload.checksum;
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

absl::Status Store::FinishRewrite(const Extent& extent, const RedoPayload& payload) {
  // What could come back must be restorable before it is overwritten.
  if (!payload.undo.empty() && syncs() && !IsBroken("undo-not-synced-first")) {
    if (absl::Status status = log_->Sync(); !status.ok()) return Poison(std::move(status));
    for (const RedoPayload::Piece& piece : payload.undo)
      restorable_.Add(extent.number, piece.offset, piece.offset + piece.bytes.size());
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
    if (read_only_) return ReadPastDeadWriter();
    NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait_));
    ReleaseLock();
  }
  return absl::OkStatus();
}

}  // namespace numpack::storage
