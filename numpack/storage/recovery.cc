#include "numpack/storage/recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/sort_unless_sorted.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/replay.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

absl::Status CorruptLog(const File& file, uint64_t offset, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(file.description(), " is damaged at byte ", offset, ": ", what,
                   "; nothing was changed. Restore the directory from a copy, or salvage what "
                   "checks out into a new store"));
}

absl::StatusOr<ParsedLog> ParseLog(File& file, const CommitLog::Position& from, uint64_t to) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  if (from.offset > to || to > size) {
    return CorruptLog(file, size,
                      absl::StrCat("the log ends here, and not at ", to, " as it should"));
  }
  ParsedLog log;
  log.bytes.resize(to - from.offset);
  NUMPACK_RETURN_IF_ERROR(file.ReadAt(
      from.offset,
      absl::MakeSpan(reinterpret_cast<std::byte*>(log.bytes.data()), log.bytes.size())));
  log.stop = from;
  while (log.stop.offset < to) {
    const uint64_t at = log.stop.offset;
    const std::optional<Record> record =
        ParseRecord(log.bytes, at - from.offset, log.stop.checksum);
    if (!record.has_value()) break;
    // The first record of a log may have any generation; it goes on from the log before.
    if (at != 0 && record->generation != log.stop.generation + 1)
      return CorruptLog(file, at, "a record is missing");
    log.records.emplace_back(at, *record);
    log.stop = {at + record->length, record->generation, record->checksum};
  }
  log.end = JudgeEnd(log.bytes, log.stop.offset - from.offset);
  return log;
}

namespace {

bool HasRecord(const ParsedLog& log, RecordKind kind) {
  return std::any_of(log.records.begin(), log.records.end(),
                     [&](const auto& record) { return record.second.kind == kind; });
}

// A log is complete once its checkpoint and a barrier are there; before that its maker may have
// died.
bool IsComplete(const ParsedLog& log) {
  return !log.records.empty() && log.records[0].second.kind == RecordKind::kCheckpoint &&
         HasRecord(log, RecordKind::kBarrier);
}

// The boot in which the log was last written; empty when unknown.
absl::StatusOr<std::string> LastBoot(const ParsedLog& log) {
  for (auto it = log.records.rbegin(); it != log.records.rend(); ++it) {
    if (it->second.kind != RecordKind::kSession) continue;
    NUMPACK_ASSIGN_OR_RETURN(SessionPayload session, DecodeSession(it->second.payload));
    return std::move(session.boot_id);
  }
  return std::string();
}

// How many of the parsed records count after a restart of the machine: those that the last barrier
// covers, and, when nothing else follows them, the barrier and its seal as well.
absl::StatusOr<size_t> RecordsUpToBarrier(const ParsedLog& log) {
  size_t barrier = log.records.size();
  while (barrier > 0 && log.records[barrier - 1].second.kind != RecordKind::kBarrier) --barrier;
  if (barrier == 0) return 0;
  NUMPACK_ASSIGN_OR_RETURN(const BarrierPayload payload,
                           DecodeBarrier(log.records[barrier - 1].second.payload));
  size_t count = 0;
  while (count < log.records.size() && log.records[count].second.generation <= payload.covered)
    ++count;
  if (count + 1 != barrier) return count;
  const bool seal =
      barrier < log.records.size() && log.records[barrier].second.kind == RecordKind::kSeal;
  return seal ? barrier + 1 : barrier;
}

// The barriers of a log that were in the making at some record: they cover less than it, and stand
// behind it. What is superseded meanwhile belongs to the state that such a barrier brings back.
class BarriersInTheMaking {
 public:
  // Barriers that do not decode are left to whoever replays them.
  BarriersInTheMaking(const ParsedLog& log, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const Record& record = log.records[i].second;
      if (record.kind != RecordKind::kBarrier) continue;
      const absl::StatusOr<BarrierPayload> payload = DecodeBarrier(record.payload);
      if (payload.ok()) begun_.emplace_back(payload->covered, i);
    }
    std::sort(begun_.begin(), begun_.end());
  }

  // For ascending records. Of several the last one protects all that the others do.
  std::vector<uint64_t> At(size_t index, uint64_t generation) {
    for (; next_ < begun_.size() && begun_[next_].first < generation; ++next_) {
      const auto [covered, at] = begun_[next_];
      if (at <= index) continue;
      open_.emplace(at, covered);
      covered_.insert(covered);
    }
    while (!open_.empty() && open_.begin()->first <= index) {
      covered_.erase(covered_.find(open_.begin()->second));
      open_.erase(open_.begin());
    }
    if (covered_.empty()) return {};
    return {*covered_.rbegin()};
  }

 private:
  std::vector<std::pair<uint64_t, size_t>> begun_;  // what they cover, and where they stand
  size_t next_ = 0;
  absl::btree_map<size_t, uint64_t> open_;  // by where they stand
  absl::btree_multiset<uint64_t> covered_;  // of those
};

absl::Status ReplayRecords(const ParsedLog& log, size_t count,
                           const std::shared_ptr<PinCounters>& pins, Limbo::IsPinned pinned,
                           RecoveredState& state) {
  uint64_t barrier = 0;
  BarriersInTheMaking in_the_making(log, count);
  for (size_t i = 0; i < count; ++i) {
    const auto& [offset, record] = log.records[i];
    state.limbo.SetPending(in_the_making.At(i, record.generation));
    auto effect = ApplyRecord(record, i == 0, state.log_number, pins, state.catalogue);
    if (absl::IsDataLoss(effect.status()))
      return CorruptLog(*state.log_file, offset, effect.status().message());
    NUMPACK_RETURN_IF_ERROR(effect.status());
    Follow(*effect, state.limbo, pinned);
    if (effect->ChangesState()) state.changed = record.generation;
    if (effect->kind == RecordKind::kBarrier) barrier = effect->generation;
    if (effect->kind == RecordKind::kSeal) state.covered = barrier;
    state.end = {offset + record.length, record.generation, record.checksum};
  }
  state.limbo.SetPending({});
  return absl::OkStatus();
}

// The writer may have been killed after it appended a redo record and before it wrote the bytes.
// Only the last record can be in that case: nothing else is appended meanwhile.
absl::Status RedoLast(const ParsedLog& log, RecoveredState& state) {
  const Record& last = log.records.back().second;
  if (last.kind != RecordKind::kRedo || IsBroken("redo-not-applied")) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(RedoPayload payload, DecodeRedo(last.payload));
  const std::shared_ptr<Extent> extent = state.catalogue.FindExtent(payload.extent);
  for (RedoPayload::Piece& piece : payload.redo)
    state.rewrites.push_back({extent, std::move(piece)});
  return absl::OkStatus();
}

// What records behind the state have overwritten of it, the last one first. A record that could do
// that was durable before the bytes were written, so it is here.
absl::Status UndoBehind(const ParsedLog& log, size_t count, RecoveredState& state) {
  for (size_t i = log.records.size(); i > count; --i) {
    const auto& [offset, record] = log.records[i - 1];
    if (record.kind != RecordKind::kRedo || IsBroken("undo-not-applied")) continue;
    absl::StatusOr<RedoPayload> payload = DecodeRedo(record.payload);
    if (!payload.ok()) return CorruptLog(*state.log_file, offset, payload.status().message());
    const std::shared_ptr<Extent> extent = state.catalogue.FindExtent(payload->extent);
    for (RedoPayload::Piece& piece : payload->undo) {
      // Without an extent: it was another one's number, of an array that the state does not have.
      if (extent == nullptr || piece.offset >= extent->capacity) continue;
      // The array may have grown since.
      if (piece.bytes.size() > extent->capacity - piece.offset)
        piece.bytes.resize(static_cast<size_t>(extent->capacity - piece.offset));
      state.rewrites.push_back({extent, std::move(piece)});
    }
  }
  return absl::OkStatus();
}

absl::Status ReplayLog(const ParsedLog& log, Backend& backend,
                       const std::shared_ptr<PinCounters>& pins, Reader reader,
                       RecoveredState& state) {
  NUMPACK_ASSIGN_OR_RETURN(const std::string boot, LastBoot(log));
  state.boot_noted = !boot.empty() && boot == backend.BootId();
  const bool same_boot = reader == Reader::kSuccessor || state.boot_noted ||
                         IsBroken("records-behind-barrier-trusted");
  size_t count = log.records.size();
  if (same_boot) {
    if (log.end == LogEnd::kCorrupt) {
      return CorruptLog(*state.log_file, log.stop.offset, "not a record, nor an unfinished one");
    }
    state.torn = log.end == LogEnd::kTorn;
  } else {
    if (log.end != LogEnd::kClean && SealFollows(log.bytes, log.stop.offset)) {
      return CorruptLog(*state.log_file, log.stop.offset,
                        "not a record, although later ones were durable");
    }
    NUMPACK_ASSIGN_OR_RETURN(count, RecordsUpToBarrier(log));
    if (count == 0) return CorruptLog(*state.log_file, 0, "its barrier covers nothing");
    state.untrusted_tail = count < log.records.size() || log.end != LogEnd::kClean;
    if (IsBroken("appended-behind-untrusted-tail")) state.untrusted_tail = false;
  }
  const bool others_read = reader != Reader::kFirst;
  const auto pinned = [&](const Extent&) { return others_read; };
  NUMPACK_RETURN_IF_ERROR(ReplayRecords(log, count, pins, pinned, state));
  if (same_boot) return RedoLast(log, state);
  // It was read from the disk, so it is durable, with or without a seal: nothing older comes back,
  // and files may have been cut to what it needs.
  if (!IsBroken("older-states-kept-after-restart")) {
    state.limbo.Barrier(state.end.generation);
    state.limbo.Sealed();
    state.covered = state.end.generation;
  }
  return UndoBehind(log, count, state);
}

absl::Status CheckDisjoint(const Backend& backend, std::vector<const Extent*> extents) {
  const auto before = [](const Extent* a, const Extent* b) {
    return std::make_pair(a->segment_number, a->offset) <
           std::make_pair(b->segment_number, b->offset);
  };
  SortUnlessSorted(extents, before);
  for (size_t i = 1; i < extents.size(); ++i) {
    const Extent& a = *extents[i - 1];
    const Extent& b = *extents[i];
    if (a.segment_number == b.segment_number &&
        (a.offset + a.capacity > b.offset || a.own_segment)) {
      return absl::DataLossError(absl::StrCat(backend.Describe(), ": the log names bytes of ",
                                              Segment::FileName(a.segment_number), " twice"));
    }
  }
  return absl::OkStatus();
}

// Opens the segments of all extents, live and in limbo, and checks that they fit. What is in limbo
// here may have been given up already, by others, or by a process that found after a restart of the
// machine that nothing could bring it back: that goes.
absl::Status AttachSegments(Backend& backend, SegmentTable& segments, bool others,
                            RecoveredState& state) {
  std::vector<const Extent*> extents;
  for (const auto& [ordinal, item] : state.catalogue.items()) {
    const EntryPtr& entry = item->second;
    if (entry->extent == nullptr) continue;
    NUMPACK_RETURN_IF_ERROR(Attach(backend, segments, *entry->extent));
    extents.push_back(entry->extent.get());
  }
  NUMPACK_RETURN_IF_ERROR(CheckDisjoint(backend, extents));
  const size_t live = extents.size();
  // Extents that nothing can bring back may have lost their files already.
  if (!others) state.limbo.Collect([](const Extent&) { return false; });
  absl::Status failure;
  state.limbo.Drop([&](Extent& extent) {
    const absl::Status status = Attach(backend, segments, extent);
    if (!others && !absl::IsDataLoss(status)) failure.Update(status);
    if (status.ok()) extents.push_back(&extent);
    return !status.ok();
  });
  NUMPACK_RETURN_IF_ERROR(failure);
  return extents.size() == live ? absl::OkStatus() : CheckDisjoint(backend, std::move(extents));
}

}  // namespace

absl::StatusOr<RecoveredState> Recover(Backend& backend, SegmentTable& segments,
                                       const std::shared_ptr<PinCounters>& pins, Reader reader) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  std::vector<uint64_t> numbers;
  bool segments_exist = false;
  for (const std::string& name : files) {
    if (const std::optional<uint64_t> number = CommitLog::ParseFileName(name))
      numbers.push_back(*number);
    segments_exist = segments_exist || absl::StartsWith(name, "segment.");
  }
  const absl::Status no_store =
      absl::NotFoundError(absl::StrCat("no store in ", backend.Describe()));
  if (numbers.empty()) return no_store;
  std::sort(numbers.rbegin(), numbers.rend());
  for (const uint64_t number : numbers) {
    RecoveredState state;
    state.log_number = number;
    NUMPACK_ASSIGN_OR_RETURN(state.log_file,
                             backend.Open(CommitLog::FileName(number), OpenMode::kReadWrite));
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, state.log_file->Size());
    NUMPACK_ASSIGN_OR_RETURN(const ParsedLog log, ParseLog(*state.log_file, {}, size));
    // A newer log that was never finished: its maker died, the older one counts. Without an older
    // one it is damage, unless there are no segments either: then it is a store that was being
    // made.
    const bool unfinished = !IsComplete(log) && !SealFollows(log.bytes, log.stop.offset);
    if (unfinished && (number != numbers.back() || !segments_exist)) continue;
    if (!IsComplete(log)) {
      return CorruptLog(*state.log_file, log.stop.offset, "the log has no readable beginning");
    }
    NUMPACK_RETURN_IF_ERROR(ReplayLog(log, backend, pins, reader, state));
    NUMPACK_RETURN_IF_ERROR(AttachSegments(backend, segments, reader != Reader::kFirst, state));
    state.sealed = HasRecord(log, RecordKind::kSeal);
    for (const uint64_t other : numbers) {
      if (other != number) state.stale_logs.push_back(other);
    }
    return state;
  }
  return no_store;
}

absl::StatusOr<bool> HasCompleteLog(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  for (const std::string& name : files) {
    if (!CommitLog::ParseFileName(name).has_value()) continue;
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                             backend.Open(name, OpenMode::kReadOnly));
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    NUMPACK_ASSIGN_OR_RETURN(const ParsedLog log, ParseLog(*file, {}, size));
    if (IsComplete(log) || SealFollows(log.bytes, log.stop.offset)) return true;
  }
  return false;
}

absl::StatusOr<RecoveredState> ReadPublished(Backend& backend, SegmentTable& segments,
                                             const std::shared_ptr<PinCounters>& pins,
                                             uint64_t log_number, uint64_t tail) {
  RecoveredState state;
  state.log_number = log_number;
  NUMPACK_ASSIGN_OR_RETURN(state.log_file,
                           backend.Open(CommitLog::FileName(log_number), OpenMode::kReadWrite));
  NUMPACK_ASSIGN_OR_RETURN(const ParsedLog log, ParseLog(*state.log_file, {}, tail));
  if (log.stop.offset != tail)
    return CorruptLog(*state.log_file, log.stop.offset, "not a record, although it is published");
  NUMPACK_RETURN_IF_ERROR(ReplayRecords(
      log, log.records.size(), pins, [](const Extent&) { return true; }, state));
  NUMPACK_RETURN_IF_ERROR(AttachSegments(backend, segments, /*others=*/true, state));
  state.sealed = true;
  return state;
}

}  // namespace numpack::storage
