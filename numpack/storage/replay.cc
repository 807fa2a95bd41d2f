#include "numpack/storage/replay.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

class Replay {
 public:
  Replay(const std::shared_ptr<PinCounters>& pins, Catalogue& catalogue, Effect& effect)
      : pins_(pins), catalogue_(catalogue), effect_(effect) {}

  absl::Status Checkpoint(absl::string_view bytes, uint64_t log_number) {
    NUMPACK_ASSIGN_OR_RETURN(CheckpointPayload payload, DecodeCheckpoint(bytes));
    if (payload.log_number != log_number) return absl::DataLossError("the log has another's name");
    Keep(payload.kept);
    return Commit({}, std::move(payload.entries));
  }

  absl::Status Commit(const std::vector<std::string>& removes, std::vector<EntryRecord> entries) {
    const absl::flat_hash_set<absl::string_view> removed(removes.begin(), removes.end());
    uint64_t next_ordinal = catalogue_.next_ordinal();
    std::vector<Catalogue::Put> puts;
    puts.reserve(entries.size());
    effect_.named.reserve(entries.size());
    made_.reserve(entries.size());
    for (EntryRecord& record : entries) {
      NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Extent> extent, FindOrMakeExtent(record.extent));
      if (extent != nullptr) effect_.named.push_back(extent);
      auto entry = std::make_shared<Entry>();
      entry->extent = std::move(extent);
      entry->length = record.length;
      entry->metadata = std::move(record.metadata);
      entry->checksum = record.checksum;
      entry->in_place = record.in_place ? InPlace::kInterrupted : InPlace::kNo;
      const EntryPtr before = catalogue_.Find(record.name);
      const bool keeps_place = before != nullptr && !removed.contains(record.name);
      entry->ordinal = keeps_place ? before->ordinal : next_ordinal++;
      puts.push_back({std::move(record.name), std::move(entry)});
    }
    effect_.superseded = catalogue_.Apply(removes, puts, effect_.generation);
    return absl::OkStatus();
  }

  absl::Status InPlaceChange(absl::string_view bytes, InPlace state) {
    NUMPACK_ASSIGN_OR_RETURN(const InPlacePayload payload, DecodeInPlace(bytes));
    for (const InPlacePayload::Item& item : payload.items) {
      const EntryPtr before = catalogue_.Find(item.name);
      if (before == nullptr)
        return absl::DataLossError("an in-place change of an array that is not there");
      auto entry = std::make_shared<Entry>(*before);
      entry->in_place = state;
      if (state == InPlace::kNo) {
        entry->metadata = item.metadata;
        entry->checksum = item.checksum;
      }
      if (entry->extent != nullptr) effect_.named.push_back(entry->extent);
      catalogue_.Update(item.name, std::move(entry));
    }
    return absl::OkStatus();
  }

  // What is written is not the catalogue's concern, but that it can be is.
  absl::Status Redo(absl::string_view bytes) {
    NUMPACK_ASSIGN_OR_RETURN(const RedoPayload payload, DecodeRedo(bytes));
    const EntryPtr before = catalogue_.Find(payload.name);
    if (before == nullptr || before->extent == nullptr || before->extent->number != payload.extent)
      return absl::DataLossError("rows of an array that is not there");
    for (const auto* pieces : {&payload.redo, &payload.undo}) {
      for (const RedoPayload::Piece& piece : *pieces) {
        if (piece.offset + piece.bytes.size() > before->length)
          return absl::DataLossError("rows beyond the end of their array");
      }
    }
    auto entry = std::make_shared<Entry>(*before);
    entry->metadata = payload.metadata;
    entry->checksum = payload.checksum;
    effect_.named.push_back(entry->extent);
    catalogue_.Update(payload.name, std::move(entry));
    return absl::OkStatus();
  }

  void Keep(const std::vector<ExtentRecord>& extents) {
    for (const ExtentRecord& record : extents) effect_.kept.push_back(MakeExtent(record));
  }

 private:
  std::shared_ptr<Extent> MakeExtent(const ExtentRecord& record) {
    return std::make_shared<Extent>(record.number, record.segment, record.offset, record.capacity,
                                    record.own_segment, pins_);
  }

  absl::StatusOr<std::shared_ptr<Extent>> FindOrMakeExtent(const ExtentRecord& record) {
    if (record.number == 0) return std::shared_ptr<Extent>();
    std::shared_ptr<Extent> extent = catalogue_.FindExtent(record.number);
    if (extent == nullptr) {
      // Two entries of one record may not share an extent any more than those of two.
      std::shared_ptr<Extent>& made = made_[record.number];
      if (made != nullptr)
        return absl::DataLossError(absl::StrCat("extent ", record.number, " has two names"));
      return made = MakeExtent(record);
    }
    if (extent->segment_number != record.segment || extent->offset != record.offset ||
        extent->own_segment != record.own_segment || record.capacity < extent->capacity) {
      return absl::DataLossError(absl::StrCat("extent ", record.number, " is in two places"));
    }
    extent->capacity = record.capacity;  // appending may have grown it
    return extent;
  }

  const std::shared_ptr<PinCounters>& pins_;
  Catalogue& catalogue_;
  Effect& effect_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Extent>> made_;
};

}  // namespace

ExtentRecord MakeRecord(const Extent& extent) {
  return {extent.number, extent.segment_number, extent.offset, extent.capacity, extent.own_segment};
}

EntryRecord MakeRecord(absl::string_view name, const Entry& entry) {
  EntryRecord record;
  record.name = std::string(name);
  record.metadata = entry.metadata;
  record.length = entry.length;
  record.in_place = entry.in_place != InPlace::kNo;
  record.checksum = entry.checksum;
  if (entry.extent != nullptr) record.extent = MakeRecord(*entry.extent);
  return record;
}

absl::StatusOr<Effect> ApplyRecord(const Record& record, bool first, uint64_t log_number,
                                   const std::shared_ptr<PinCounters>& pins, Catalogue& catalogue) {
  if ((record.kind == RecordKind::kCheckpoint) != first)
    return absl::DataLossError("a log has one checkpoint, at its beginning");
  Effect effect;
  effect.kind = record.kind;
  effect.generation = record.generation;
  Replay replay(pins, catalogue, effect);
  absl::Status status;
  switch (record.kind) {
    case RecordKind::kCheckpoint:
      status = replay.Checkpoint(record.payload, log_number);
      break;
    case RecordKind::kCommit: {
      NUMPACK_ASSIGN_OR_RETURN(CommitPayload payload, DecodeCommit(record.payload));
      status = replay.Commit(payload.removes, std::move(payload.puts));
      break;
    }
    case RecordKind::kInPlaceBegin:
      status = replay.InPlaceChange(record.payload, InPlace::kInterrupted);
      break;
    case RecordKind::kInPlaceEnd:
      status = replay.InPlaceChange(record.payload, InPlace::kNo);
      break;
    case RecordKind::kBarrier: {
      NUMPACK_ASSIGN_OR_RETURN(const BarrierPayload payload, DecodeBarrier(record.payload));
      if (payload.covered >= record.generation)
        return absl::DataLossError("a barrier that covers what follows it");
      effect.generation = payload.covered;
      break;
    }
    case RecordKind::kKept: {
      NUMPACK_ASSIGN_OR_RETURN(const KeptPayload payload, DecodeKept(record.payload));
      replay.Keep(payload.extents);
      break;
    }
    case RecordKind::kSeal:
      break;
    case RecordKind::kSession:
      status = DecodeSession(record.payload).status();
      break;
    case RecordKind::kRedo:
      status = replay.Redo(record.payload);
      break;
    default:
      status = absl::FailedPreconditionError(absl::StrCat("a record of unknown kind ",
                                                          static_cast<uint32_t>(record.kind),
                                                          ": the store needs a newer NumPack"));
  }
  NUMPACK_RETURN_IF_ERROR(status);
  return effect;
}

void Follow(const Effect& effect, Limbo& limbo, Limbo::IsPinned pinned) {
  for (const std::shared_ptr<Extent>& extent : effect.named) {
    if (!limbo.waiting().empty()) limbo.TakeReplacedBy(*extent);
  }
  for (const std::shared_ptr<Extent>& extent : effect.superseded) limbo.Add(extent, pinned);
  for (const std::shared_ptr<Extent>& extent : effect.kept) {
    limbo.TakeReplacedBy(*extent);  // it was free space to whoever allocated it
    limbo.Keep(extent);
  }
  if (effect.kind == RecordKind::kBarrier) limbo.Barrier(effect.generation);
  if (effect.kind == RecordKind::kSeal) limbo.Sealed();
}

absl::Status Attach(const Backend& backend, SegmentTable& segments, Extent& extent) {
  if (extent.own_segment && extent.offset != 0) {
    return absl::DataLossError(absl::StrCat(Segment::FileName(extent.segment_number),
                                            " is not packed, although the log says so"));
  }
  if (extent.segment == nullptr) {
    absl::StatusOr<std::shared_ptr<Segment>> segment = segments.Open(extent.segment_number);
    if (absl::IsNotFound(segment.status())) {
      return absl::DataLossError(absl::StrCat(backend.Describe(), ": ",
                                              Segment::FileName(extent.segment_number),
                                              " is missing, although the log names it"));
    }
    NUMPACK_RETURN_IF_ERROR(segment.status());
    extent.segment = *std::move(segment);
  }
  const std::optional<uint64_t> end = CheckedAdd(extent.offset, extent.capacity);
  if (end.has_value() && *end > extent.segment->size())
    NUMPACK_RETURN_IF_ERROR(extent.segment->RefreshSize());
  if (!end.has_value() || *end > extent.segment->size()) {
    return absl::DataLossError(
        absl::StrCat(backend.Describe(), ": ", Segment::FileName(extent.segment_number), " has ",
                     extent.segment->size(), " bytes, fewer than the ", extent.offset, " + ",
                     extent.capacity, " that the log names"));
  }
  return absl::OkStatus();
}

}  // namespace numpack::storage
