#include "numpack/storage/salvage.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/commit_log.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {
namespace {

constexpr char kRepair[] =
    "restore the directory from a copy, or save what checks out with `npk repair`";
constexpr size_t kPreviousInHeader = 16;  // where a record names its predecessor's checksum
// A log that is damaged has headers without a record seldom; one that is made up may have one every
// few bytes, each saying that its record is long. So often the whole log is summed for them, and no
// more.
constexpr uint64_t kSummedAgain = 16;

bool IsChange(RecordKind kind) {
  return kind != RecordKind::kBarrier && kind != RecordKind::kSeal &&
         kind != RecordKind::kSession && kind != RecordKind::kKept;
}

bool IsSegmentName(absl::string_view name) { return absl::StartsWith(name, "segment."); }

// The sound record at `position`, whatever stands before it.
std::optional<Record> SoundRecord(absl::string_view log, size_t position) {
  if (log.size() < position + kRecordHeaderBytes) return std::nullopt;
  const uint32_t previous = Decoder(log.substr(position + kPreviousInHeader)).U32();
  return ParseRecord(log, position, previous);
}

}  // namespace

struct Salvage::Found {
  std::string file;
  uint64_t offset = 0;
  Record record;
};

struct Salvage::Log {
  struct Gap {
    uint64_t begin;
    uint64_t end;
    uint64_t generation;  // before it
    size_t records_before;
  };

  uint64_t number = 0;
  std::string name;
  std::shared_ptr<std::string> bytes;  // the records point into it
  std::vector<Found> records;
  std::vector<Gap> gaps;  // bytes between sound records that are none
  uint64_t stop = 0;      // behind the last record
  LogEnd end = LogEnd::kClean;
  bool same_boot = false;

  bool Has(RecordKind kind) const {
    return std::any_of(records.begin(), records.end(),
                       [&](const Found& found) { return found.record.kind == kind; });
  }
  bool HasBeginning() const {
    return !records.empty() && records[0].offset == 0 &&
           records[0].record.kind == RecordKind::kCheckpoint;
  }
  // As for Recover: its maker may have died before that.
  bool IsComplete() const { return HasBeginning() && Has(RecordKind::kBarrier); }
};

void Salvage::Find(Severity severity, std::string file, std::optional<uint64_t> offset,
                   std::string what, std::string remedy) {
  findings_.push_back({severity, std::move(file), offset, "", std::move(what), std::move(remedy)});
}

void Salvage::Scan(Log& log) const {
  const absl::string_view bytes = *log.bytes;
  uint64_t generation = 0;
  uint32_t previous = 0;
  uint64_t at = 0;
  uint64_t effort = kSummedAgain * bytes.size();
  while (at < bytes.size()) {
    std::optional<Record> record = ParseRecord(bytes, at, previous);
    if (record.has_value() && at != 0 && record->generation != generation + 1) record.reset();
    if (!record.has_value()) {
      // Records start at multiples of 8. Leftovers of another log would have older generations.
      uint64_t next = at + 8;
      for (; next < bytes.size(); next += 8) {
        const uint64_t claimed = ClaimedLength(bytes, next);
        if (claimed == 0) continue;
        if (claimed > effort) next = bytes.size();
        effort -= std::min(effort, claimed);
        record = SoundRecord(bytes, next);
        if (record.has_value() && record->generation > generation) break;
      }
      if (next >= bytes.size()) break;
      log.gaps.push_back({at, next, generation, log.records.size()});
      at = next;
    }
    log.records.push_back({log.name, at, *record});
    at += record->length;
    generation = record->generation;
    previous = record->checksum;
  }
  log.stop = at;
  log.end = JudgeEnd(bytes, at);
  for (auto found = log.records.rbegin(); found != log.records.rend(); ++found) {
    if (found->record.kind != RecordKind::kSession) continue;
    const auto session = DecodeSession(found->record.payload);
    log.same_boot =
        session.ok() && !session->boot_id.empty() && session->boot_id == backend_.BootId();
    break;
  }
}

absl::StatusOr<std::vector<Salvage::Log>> Salvage::ReadLogs(absl::Span<const std::string> files) {
  std::vector<Log> logs;
  for (const std::string& name : files) {
    const std::optional<uint64_t> number = CommitLog::ParseFileName(name);
    if (!number.has_value()) continue;
    Log log;
    log.number = *number;
    log.name = name;
    log.bytes = std::make_shared<std::string>();
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                             backend_.Open(name, OpenMode::kReadOnly));
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    log.bytes->resize(size);
    NUMPACK_RETURN_IF_ERROR(file->ReadAt(
        0, absl::MakeSpan(reinterpret_cast<std::byte*>(log.bytes->data()), log.bytes->size())));
    Scan(log);
    logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const Log& a, const Log& b) { return a.number < b.number; });
  return logs;
}

// Says what the log's bytes have that is no record.
void Salvage::ReportGaps(const Log& log) {
  for (const Log::Gap& gap : log.gaps) {
    Find(Severity::kError, log.name, gap.begin,
         absl::StrCat("bytes up to ", gap.end,
                      " are not the record that was written there: what it "
                      "said is lost"),
         kRepair);
  }
  if (log.end == LogEnd::kTorn && log.same_boot) {
    Find(Severity::kNote, log.name, log.stop,
         "the last record was never finished: its writer was killed", "");
  } else if (log.end == LogEnd::kCorrupt && log.same_boot) {
    Find(Severity::kError, log.name, log.stop, "not a record, nor an unfinished one", kRepair);
  } else if (log.end != LogEnd::kClean && !log.same_boot && SealFollows(*log.bytes, log.stop)) {
    Find(Severity::kError, log.name, log.stop, "not a record, although later ones were durable",
         kRepair);
  }
}

absl::Status Salvage::ApplyCommit(const CommitPayload& payload, uint64_t generation) {
  for (const std::string& name : payload.removes) by_name_.erase(name);
  for (const EntryRecord& entry : payload.puts) {
    SalvagedArray& array = by_name_[entry.name];
    if (array.ordinal == 0) array.ordinal = next_ordinal_++;
    array.entry = entry;
    array.generation = generation;
  }
  return absl::OkStatus();
}

// DataLoss for a record that makes no sense.
absl::Status Salvage::Apply(const Found& found) {
  const Record& record = found.record;
  switch (record.kind) {
    case RecordKind::kCheckpoint: {
      NUMPACK_ASSIGN_OR_RETURN(CheckpointPayload payload, DecodeCheckpoint(record.payload));
      by_name_.clear();
      last_gap_ = 0;
      return ApplyCommit({std::move(payload.entries), {}}, record.generation);
    }
    case RecordKind::kCommit: {
      NUMPACK_ASSIGN_OR_RETURN(const CommitPayload payload, DecodeCommit(record.payload));
      return ApplyCommit(payload, record.generation);
    }
    case RecordKind::kInPlaceBegin:
    case RecordKind::kInPlaceEnd: {
      NUMPACK_ASSIGN_OR_RETURN(const InPlacePayload payload, DecodeInPlace(record.payload));
      for (const InPlacePayload::Item& item : payload.items) {
        const auto array = by_name_.find(item.name);
        if (array == by_name_.end())
          return absl::DataLossError("an in-place change of an array that is not there");
        EntryRecord& entry = array->second.entry;
        entry.in_place = record.kind == RecordKind::kInPlaceBegin;
        if (entry.in_place) continue;
        entry.metadata = item.metadata;
        entry.checksum = item.checksum;
      }
      return absl::OkStatus();
    }
    case RecordKind::kRedo: {
      NUMPACK_ASSIGN_OR_RETURN(const RedoPayload payload, DecodeRedo(record.payload));
      const auto array = by_name_.find(payload.name);
      if (array == by_name_.end() || array->second.entry.extent.number != payload.extent)
        return absl::DataLossError("rows of an array that is not there");
      array->second.entry.metadata = payload.metadata;
      array->second.entry.checksum = payload.checksum;
      return absl::OkStatus();
    }
    case RecordKind::kBarrier:
      return DecodeBarrier(record.payload).status();
    case RecordKind::kSession:
      return DecodeSession(record.payload).status();
    case RecordKind::kKept:
      return DecodeKept(record.payload).status();
    case RecordKind::kSeal:
      return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("a record of unknown kind ",
                                                    static_cast<uint32_t>(record.kind),
                                                    ": the store needs a newer NumPack"));
}

absl::Status Salvage::Replay(const Log& log) {
  size_t gap = 0;
  for (size_t i = 0; i < log.records.size(); ++i) {
    const Found& found = log.records[i];
    for (; gap < log.gaps.size() && log.gaps[gap].records_before <= i; ++gap)
      last_gap_ = found.record.generation;
    const absl::Status status = Apply(found);
    if (absl::IsDataLoss(status)) {
      Find(Severity::kError, found.file, found.offset, std::string(status.message()), kRepair);
      last_gap_ = found.record.generation + 1;
      continue;
    }
    NUMPACK_RETURN_IF_ERROR(status);
    ++records_;
  }
  // What follows might have named any of them.
  if (log.end == LogEnd::kCorrupt && log.same_boot)
    last_gap_ = std::numeric_limits<uint64_t>::max();
  return absl::OkStatus();
}

// The last record may say what its killed writer did not write.
void Salvage::NoteRewrites(const Log& log) {
  if (log.records.empty() || log.records.back().record.kind != RecordKind::kRedo) return;
  auto payload = DecodeRedo(log.records.back().record.payload);
  if (payload.ok()) rewrites_[payload->extent] = std::move(payload->redo);
}

File* Salvage::Segment(uint32_t number) {
  const auto [it, is_new] = segments_.try_emplace(number);
  if (is_new) {
    auto file = backend_.Open(storage::Segment::FileName(number), OpenMode::kReadOnly);
    if (file.ok()) it->second = *std::move(file);
  }
  return it->second.get();
}

// Which arrays' bytes are there, and belong to nobody else.
void Salvage::CheckPlaces() {
  for (auto& [name, array] : by_name_) {
    array.doubtful = array.generation < last_gap_;
    arrays_.push_back(std::move(array));
  }
  by_name_.clear();
  std::sort(arrays_.begin(), arrays_.end(),
            [](const SalvagedArray& a, const SalvagedArray& b) { return a.ordinal < b.ordinal; });
  const auto error = [&](SalvagedArray& array, std::string file, std::string what) {
    array.readable = false;
    findings_.push_back({Severity::kError, std::move(file), array.entry.extent.offset,
                         array.entry.name, std::move(what), kRepair});
  };
  std::vector<SalvagedArray*> by_place;
  for (SalvagedArray& array : arrays_) {
    const ExtentRecord& extent = array.entry.extent;
    array.readable = true;
    if (extent.number == 0) continue;
    const std::string file = storage::Segment::FileName(extent.segment);
    File* segment = Segment(extent.segment);
    if (segment == nullptr) {
      error(array, file, "the file is missing, or cannot be opened");
      continue;
    }
    const uint64_t size = segment->Size().value_or(0);
    if (extent.offset % 64 != 0 || (extent.own_segment && extent.offset != 0)) {
      error(array, file, "no array can lie there");
    } else if (extent.offset + extent.capacity > size) {
      const bool whole = extent.offset + array.entry.length <= size;
      error(array, file,
            absl::StrCat("the file ends at byte ", size, ", before the array's place does"));
      array.readable = whole;
    }
    by_place.push_back(&array);
  }
  // Later ones first, so that an earlier one which overlaps finds their places taken.
  std::sort(by_place.begin(), by_place.end(), [](const SalvagedArray* a, const SalvagedArray* b) {
    return a->generation > b->generation;
  });
  absl::btree_map<std::pair<uint32_t, uint64_t>, uint64_t> taken;  // segment and offset -> end
  absl::btree_set<uint64_t> numbers;
  for (SalvagedArray* array : by_place) {
    const ExtentRecord& extent = array->entry.extent;
    const auto behind = taken.upper_bound({extent.segment, extent.offset});
    bool overlaps = behind != taken.end() && behind->first.first == extent.segment &&
                    behind->first.second < extent.offset + extent.capacity;
    if (behind != taken.begin()) {
      const auto before = std::prev(behind);
      overlaps |= before->first.first == extent.segment && before->second > extent.offset;
    }
    if (overlaps || !numbers.insert(extent.number).second) {
      error(*array, storage::Segment::FileName(extent.segment),
            "another array was written there later");
      continue;
    }
    taken[{extent.segment, extent.offset}] = extent.offset + extent.capacity;
  }
}

// What lies about besides the log that counts and the segments it names.
void Salvage::CheckFiles(absl::Span<const std::string> files, absl::Span<const Log> logs) {
  absl::btree_set<std::string> used;
  for (const SalvagedArray& array : arrays_) {
    if (array.entry.extent.number != 0)
      used.insert(storage::Segment::FileName(array.entry.extent.segment));
  }
  for (const std::string& name : files) {
    if (IsSegmentName(name)) {
      if (!used.contains(name))
        Find(Severity::kNote, name, std::nullopt, "no array lies in this segment", "");
    } else if (!CommitLog::ParseFileName(name).has_value() && name != "writer.lock" &&
               name != "head" && !absl::StartsWith(name, "slot.")) {
      Find(Severity::kNote, name, std::nullopt, "not a file of this store: it is left alone", "");
    }
  }
  for (const Log& log : logs) {
    if (log.number < log_number_) {
      Find(Severity::kNote, log.name, std::nullopt,
           "an older log: the next one that opens the store removes it", "");
    }
  }
}

// After a restart records behind the last barrier do not count: they may name bytes that never
// reached the disk.
void Salvage::DropUncovered(Log& log) {
  for (size_t gap = 0; gap < log.gaps.size(); ++gap) {
    if (SealFollows(*log.bytes, log.gaps[gap].begin)) continue;
    log.records.erase(
        log.records.begin() + static_cast<std::ptrdiff_t>(log.gaps[gap].records_before),
        log.records.end());
    log.gaps.resize(gap);
  }
  if (!log.Has(RecordKind::kBarrier)) return;
  uint64_t covered = 0;
  for (const Found& found : log.records) {
    if (found.record.kind != RecordKind::kBarrier) continue;
    const auto barrier = DecodeBarrier(found.record.payload);
    if (barrier.ok()) covered = barrier->covered;
  }
  uint64_t changes = 0;
  while (!log.records.empty() && log.records.back().record.generation > covered) {
    const Record& last = log.records.back().record;
    if (last.kind == RecordKind::kRedo) NoteUndo(last);
    changes += IsChange(last.kind) ? 1 : 0;
    log.records.pop_back();
  }
  while (!log.gaps.empty() && log.gaps.back().records_before > log.records.size())
    log.gaps.pop_back();
  if (changes == 0) return;
  Find(Severity::kNote, log.name, std::nullopt,
       absl::StrCat(changes,
                    " changes were not durable when the machine stopped: the store is as before "
                    "them"),
       "");
}

void Salvage::NoteUndo(const Record& record) {
  auto payload = DecodeRedo(record.payload);
  if (!payload.ok()) return;
  std::vector<RedoPayload::Piece>& pieces = rewrites_[payload->extent];
  std::move(payload->undo.begin(), payload->undo.end(), std::back_inserter(pieces));
}

absl::StatusOr<Salvage> Salvage::Read(Backend& backend) {
  Salvage result(backend);
  NUMPACK_ASSIGN_OR_RETURN(std::vector<std::string> files, backend.List());
  std::sort(files.begin(), files.end());
  NUMPACK_ASSIGN_OR_RETURN(std::vector<Log> logs, result.ReadLogs(files));
  // Not even a store that was being made, see Recover.
  const bool unborn = std::all_of(logs.begin(), logs.end(), [](const Log& log) {
    return !log.IsComplete() && !SealFollows(*log.bytes, 0);
  });
  if (unborn && std::none_of(files.begin(), files.end(), IsSegmentName))
    return absl::NotFoundError(absl::StrCat("no store in ", backend.Describe()));
  if (logs.empty()) {
    result.Find(Severity::kError, "log.1", std::nullopt,
                "there are segments but no commit log: which arrays they hold is lost", kRepair);
    return result;
  }
  // The newest log with a beginning counts; of newer ones without, what is sound counts too.
  size_t first = logs.size() - 1;
  while (first > 0 && !logs[first].IsComplete()) --first;
  for (size_t i = first; i < logs.size(); ++i) {
    Log& log = logs[i];
    if (!log.IsComplete() && i > first && !SealFollows(*log.bytes, 0)) {
      result.Find(Severity::kNote, log.name, std::nullopt,
                  "a log that was never finished: the older one counts", "");
      continue;
    }
    if (!log.same_boot) result.DropUncovered(log);
    if (!log.HasBeginning())
      result.Find(Severity::kError, log.name, 0, "the log has no readable beginning", kRepair);
    result.ReportGaps(log);
    result.log_number_ = log.number;
    NUMPACK_RETURN_IF_ERROR(result.Replay(log));
    if (log.same_boot) result.NoteRewrites(log);
  }
  result.CheckPlaces();
  result.CheckFiles(files, logs);
  return result;
}

absl::Status Salvage::ReadArray(const SalvagedArray& array, uint64_t offset,
                                absl::Span<std::byte> to) {
  if (to.empty()) return absl::OkStatus();
  const ExtentRecord& extent = array.entry.extent;
  File* segment = Segment(extent.segment);
  if (segment == nullptr) return absl::DataLossError("the segment is missing");
  NUMPACK_RETURN_IF_ERROR(segment->ReadAt(extent.offset + offset, to));
  const auto pieces = rewrites_.find(extent.number);
  if (pieces == rewrites_.end()) return absl::OkStatus();
  for (const RedoPayload::Piece& piece : pieces->second) {
    const uint64_t begin = std::max(piece.offset, offset);
    const uint64_t end = std::min(piece.offset + piece.bytes.size(), offset + to.size());
    for (uint64_t at = begin; at < end; ++at)
      to[at - offset] = static_cast<std::byte>(piece.bytes[at - piece.offset]);
  }
  return absl::OkStatus();
}

}  // namespace numpack::storage
