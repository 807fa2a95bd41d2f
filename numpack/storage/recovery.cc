#include "numpack/storage/recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/record.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {
namespace {

absl::Status Corrupt(const File& file, uint64_t offset, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(file.description(), " is damaged at byte ", offset, ": ", what,
                   "; nothing was changed. Restore the directory from a copy, or salvage what "
                   "checks out into a new store"));
}

// One log as it was parsed.
struct ParsedLog {
  std::string bytes;
  std::vector<std::pair<uint64_t, Record>> records;  // with their offsets
  uint64_t stop = 0;                                 // where parsing stopped
  LogEnd end = LogEnd::kClean;
};

absl::StatusOr<ParsedLog> Parse(File& file) {
  ParsedLog log;
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  log.bytes.resize(size);
  NUMPACK_RETURN_IF_ERROR(file.ReadAt(
      0, absl::MakeSpan(reinterpret_cast<std::byte*>(log.bytes.data()), log.bytes.size())));
  uint32_t previous = 0;
  while (log.stop < size) {
    const std::optional<Record> record = ParseRecord(log.bytes, log.stop, previous);
    if (!record.has_value()) break;
    if (!log.records.empty() && record->generation != log.records.back().second.generation + 1) {
      return Corrupt(file, log.stop, "a record is missing");
    }
    log.records.emplace_back(log.stop, *record);
    log.stop += record->length;
    previous = record->checksum;
  }
  log.end = JudgeEnd(log.bytes, log.stop);
  return log;
}

bool HasSeal(const ParsedLog& log) {
  return std::any_of(log.records.begin(), log.records.end(),
                     [](const auto& record) { return record.second.kind == RecordKind::kSeal; });
}

// A log is complete once its checkpoint and a barrier are there; before that its maker may have
// died.
bool IsComplete(const ParsedLog& log) {
  return !log.records.empty() && log.records[0].second.kind == RecordKind::kCheckpoint &&
         std::any_of(log.records.begin(), log.records.end(),
                     [](const auto& record) { return record.second.kind == RecordKind::kBarrier; });
}

// Applies records to a state.
class Replay {
 public:
  Replay(RecoveredState& state, const std::shared_ptr<std::atomic<uint64_t>>& releases)
      : state_(state), releases_(releases) {}

  absl::Status Apply(const Record& record, bool first) {
    if ((record.kind == RecordKind::kCheckpoint) != first) {
      return absl::DataLossError("a log has one checkpoint, at its beginning");
    }
    switch (record.kind) {
      case RecordKind::kCheckpoint: {
        NUMPACK_ASSIGN_OR_RETURN(const CheckpointPayload payload, DecodeCheckpoint(record.payload));
        if (payload.log_number != state_.log_number)
          return absl::DataLossError("the log has another's name");
        return Commit({}, payload.entries, record.generation);
      }
      case RecordKind::kCommit: {
        NUMPACK_ASSIGN_OR_RETURN(const CommitPayload payload, DecodeCommit(record.payload));
        return Commit(payload.removes, payload.puts, record.generation);
      }
      case RecordKind::kInPlaceBegin:
      case RecordKind::kInPlaceEnd: {
        NUMPACK_ASSIGN_OR_RETURN(const InPlacePayload payload, DecodeInPlace(record.payload));
        return InPlaceChange(payload, record.kind == RecordKind::kInPlaceBegin);
      }
      case RecordKind::kBarrier:
        state_.limbo.Barrier(record.generation);
        return absl::OkStatus();
      case RecordKind::kSeal:
        state_.limbo.Sealed();
        state_.sealed = true;
        return absl::OkStatus();
      case RecordKind::kSession:
        return DecodeSession(record.payload).status();
      case RecordKind::kRedo:
        break;
    }
    return absl::FailedPreconditionError(absl::StrCat("a record of unknown kind ",
                                                      static_cast<uint32_t>(record.kind),
                                                      ": the store needs a newer NumPack"));
  }

 private:
  absl::Status Commit(const std::vector<std::string>& removes,
                      const std::vector<EntryRecord>& entries, uint64_t generation) {
    std::vector<Catalogue::Put> puts;
    puts.reserve(entries.size());
    for (const EntryRecord& record : entries) {
      NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Extent> extent, FindOrMakeExtent(record.extent));
      auto entry = std::make_shared<Entry>();
      entry->extent = std::move(extent);
      entry->length = record.length;
      entry->metadata = record.metadata;
      entry->in_place = record.in_place ? InPlace::kInterrupted : InPlace::kNo;
      const EntryPtr before = state_.catalogue.Find(record.name);
      const bool keeps_place = before != nullptr && std::find(removes.begin(), removes.end(),
                                                              record.name) == removes.end();
      entry->ordinal = keeps_place ? before->ordinal : next_ordinal_++;
      puts.push_back({record.name, std::move(entry)});
    }
    for (std::shared_ptr<Extent>& extent : state_.catalogue.Apply(removes, puts, generation)) {
      by_number_.erase(extent->number);
      state_.limbo.Add(std::move(extent));  // or free: then nothing needs to know of it
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<Extent>> FindOrMakeExtent(const ExtentRecord& record) {
    if (record.number == 0) return std::shared_ptr<Extent>();
    std::shared_ptr<Extent>& extent = by_number_[record.number];
    if (extent == nullptr) {
      extent = std::make_shared<Extent>(record.number, record.segment, record.offset,
                                        record.capacity, record.own_segment, releases_);
    } else if (extent->segment_number != record.segment || extent->offset != record.offset ||
               record.capacity < extent->capacity) {
      return absl::DataLossError(absl::StrCat("extent ", record.number, " is in two places"));
    }
    extent->capacity = record.capacity;  // appending may have grown it
    return extent;
  }

  absl::Status InPlaceChange(const InPlacePayload& payload, bool begin) {
    for (const InPlacePayload::Item& item : payload.items) {
      const EntryPtr before = state_.catalogue.Find(item.name);
      if (before == nullptr)
        return absl::DataLossError("an in-place change of an array that is not there");
      auto entry = std::make_shared<Entry>(*before);
      entry->in_place = begin ? InPlace::kInterrupted : InPlace::kNo;
      if (!begin) entry->metadata = item.metadata;
      state_.catalogue.Update(item.name, std::move(entry));
    }
    return absl::OkStatus();
  }

  RecoveredState& state_;
  const std::shared_ptr<std::atomic<uint64_t>>& releases_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Extent>> by_number_;
  uint64_t next_ordinal_ = 1;
};

// The boot in which the log was last written; empty when unknown.
absl::StatusOr<std::string> LastBoot(const ParsedLog& log) {
  for (auto it = log.records.rbegin(); it != log.records.rend(); ++it) {
    if (it->second.kind != RecordKind::kSession) continue;
    NUMPACK_ASSIGN_OR_RETURN(SessionPayload session, DecodeSession(it->second.payload));
    return std::move(session.boot_id);
  }
  return std::string();
}

// How many of the parsed records count after a restart of the machine: up to the last barrier and
// its seal.
size_t RecordsUpToBarrier(const ParsedLog& log) {
  for (size_t count = log.records.size(); count > 0; --count) {
    if (log.records[count - 1].second.kind != RecordKind::kBarrier) continue;
    const bool seal =
        count < log.records.size() && log.records[count].second.kind == RecordKind::kSeal;
    return seal ? count + 1 : count;
  }
  return 0;
}

absl::Status Replay1(const ParsedLog& log, Backend& backend, RecoveredState& state,
                     const std::shared_ptr<std::atomic<uint64_t>>& releases) {
  NUMPACK_ASSIGN_OR_RETURN(const std::string boot, LastBoot(log));
  const bool same_boot = !boot.empty() && boot == backend.BootId();
  size_t count = log.records.size();
  if (same_boot) {
    if (log.end == LogEnd::kCorrupt)
      return Corrupt(*state.log_file, log.stop, "not a record, nor an unfinished one");
    state.torn = log.end == LogEnd::kTorn;
  } else {
    if (log.end != LogEnd::kClean && SealFollows(log.bytes, log.stop)) {
      return Corrupt(*state.log_file, log.stop, "not a record, although later ones were durable");
    }
    count = RecordsUpToBarrier(log);
    state.untrusted_tail = count < log.records.size() || log.end != LogEnd::kClean;
  }
  Replay replay(state, releases);
  for (size_t i = 0; i < count; ++i) {
    const auto& [offset, record] = log.records[i];
    if (absl::Status status = replay.Apply(record, i == 0); !status.ok()) {
      if (absl::IsDataLoss(status)) return Corrupt(*state.log_file, offset, status.message());
      return status;
    }
    state.end = {offset + record.length, record.generation, record.checksum};
  }
  return absl::OkStatus();
}

// Opens the segments of all extents, live and in limbo, and checks that they fit.
class ExtentChecker {
 public:
  explicit ExtentChecker(Backend& backend) : backend_(backend) {}

  absl::Status Attach(const std::shared_ptr<Extent>& extent) {
    NUMPACK_ASSIGN_OR_RETURN(extent->segment, FindSegment(*extent));
    const std::optional<uint64_t> end = CheckedAdd(extent->offset, extent->capacity);
    if (!end.has_value() || *end > extent->segment->size()) {
      return absl::DataLossError(
          absl::StrCat(backend_.Describe(), ": ", Segment::FileName(extent->segment_number),
                       " has ", extent->segment->size(), " bytes, fewer than the ", extent->offset,
                       " + ", extent->capacity, " that the log names"));
    }
    if (extent->own_segment && extent->offset != 0) {
      return absl::DataLossError(
          absl::StrCat(Segment::FileName(extent->segment_number), " is not packed"));
    }
    ranges_.push_back(extent.get());
    return absl::OkStatus();
  }

  absl::Status CheckDisjoint() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Extent* a, const Extent* b) {
      return std::make_pair(a->segment_number, a->offset) <
             std::make_pair(b->segment_number, b->offset);
    });
    for (size_t i = 1; i < ranges_.size(); ++i) {
      const Extent& a = *ranges_[i - 1];
      const Extent& b = *ranges_[i];
      if (a.segment_number == b.segment_number &&
          (a.offset + a.capacity > b.offset || a.own_segment)) {
        return absl::DataLossError(absl::StrCat(backend_.Describe(), ": the log names bytes of ",
                                                Segment::FileName(a.segment_number), " twice"));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::shared_ptr<Segment>> FindSegment(const Extent& extent) {
    std::shared_ptr<Segment>& segment = segments_[extent.segment_number];
    if (segment == nullptr) {
      auto opened = Segment::Open(backend_, extent.segment_number, OpenMode::kReadWrite);
      if (absl::IsNotFound(opened.status())) {
        return absl::DataLossError(absl::StrCat(backend_.Describe(), ": ",
                                                Segment::FileName(extent.segment_number),
                                                " is missing, although the log names it"));
      }
      if (!opened.ok()) return opened.status();
      segment = *std::move(opened);
    }
    return segment;
  }

  Backend& backend_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<Segment>> segments_;
  std::vector<const Extent*> ranges_;
};

absl::Status AttachSegments(Backend& backend, RecoveredState& state) {
  ExtentChecker checker(backend);
  for (const auto& [ordinal, name] : state.catalogue.names()) {
    const EntryPtr entry = state.catalogue.Find(name);
    if (entry->extent != nullptr) NUMPACK_RETURN_IF_ERROR(checker.Attach(entry->extent));
  }
  // Extents that nothing can bring back may have lost their files already.
  state.limbo.Collect();
  for (const std::shared_ptr<Extent>& extent : state.limbo.waiting()) {
    NUMPACK_RETURN_IF_ERROR(checker.Attach(extent));
  }
  return checker.CheckDisjoint();
}

}  // namespace

absl::StatusOr<RecoveredState> Recover(Backend& backend,
                                       const std::shared_ptr<std::atomic<uint64_t>>& releases) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  std::vector<uint64_t> numbers;
  for (const std::string& name : files) {
    if (const std::optional<uint64_t> number = CommitLog::ParseFileName(name))
      numbers.push_back(*number);
  }
  if (numbers.empty()) return absl::NotFoundError(absl::StrCat("no store in ", backend.Describe()));
  std::sort(numbers.rbegin(), numbers.rend());
  for (const uint64_t number : numbers) {
    RecoveredState state;
    state.log_number = number;
    NUMPACK_ASSIGN_OR_RETURN(state.log_file,
                             backend.Open(CommitLog::FileName(number), OpenMode::kReadWrite));
    NUMPACK_ASSIGN_OR_RETURN(const ParsedLog log, Parse(*state.log_file));
    // A newer log that was never finished: its maker died, the older one counts. Without an older
    // one it is damage.
    const bool unfinished = !IsComplete(log) && !SealFollows(log.bytes, log.stop);
    if (unfinished && number != numbers.back()) continue;
    if (!IsComplete(log))
      return Corrupt(*state.log_file, log.stop, "the log has no readable beginning");
    NUMPACK_RETURN_IF_ERROR(Replay1(log, backend, state, releases));
    NUMPACK_RETURN_IF_ERROR(AttachSegments(backend, state));
    state.sealed = HasSeal(log);
    for (const uint64_t other : numbers) {
      if (other != number) state.stale_logs.push_back(other);
    }
    return state;
  }
  return absl::NotFoundError(absl::StrCat("no store in ", backend.Describe()));
}

}  // namespace numpack::storage
