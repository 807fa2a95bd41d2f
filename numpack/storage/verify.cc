#include "numpack/storage/verify.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/contents_check.h"
#include "numpack/storage/pins.h"
#include "numpack/storage/recovery.h"
#include "numpack/storage/salvage.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/segment_table.h"
#include "numpack/storage/shared_state.h"

namespace numpack::storage {
namespace {

constexpr absl::Duration kProbeWait = absl::Seconds(1);
constexpr uint64_t kBlockBytes = uint64_t{1} << 20;

// Reads all of the array, and tells how far it is.
absl::Status CheckContents(Salvage& salvage, const SalvagedArray& array,
                           absl::FunctionRef<void(uint64_t)> read) {
  ContentsCheck contents(array.entry);
  std::vector<std::byte> block;
  for (uint64_t at = 0; at < array.entry.length; at += block.size()) {
    block.resize(static_cast<size_t>(std::min(kBlockBytes, array.entry.length - at)));
    NUMPACK_RETURN_IF_ERROR(salvage.ReadArray(array, at, absl::MakeSpan(block)));
    contents.Add(block);
    read(block.size());
  }
  return contents.Result();
}

bool HasError(const VerifyReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [](const Finding& f) { return f.severity == Severity::kError; });
}

// Whoever opens the store has the last word: what it would refuse is damage, too. It only reads.
absl::Status TryToRecover(Backend& backend, bool in_use, VerifyReport& report) {
  const auto nobody = std::make_unique<PinTable>();
  const auto pins = std::make_shared<PinCounters>(nobody.get());
  // The table does not outlive this, so it needs no share of the backend.
  SegmentTable segments(std::shared_ptr<Backend>(std::shared_ptr<Backend>(), &backend));
  const absl::Status status =
      Recover(backend, segments, pins, in_use ? Reader::kSuccessor : Reader::kFirst).status();
  if (absl::IsPermissionDenied(status)) return absl::OkStatus();  // it opens files for writing
  if (!absl::IsDataLoss(status)) return status;
  report.findings.push_back({Severity::kError, "", std::nullopt, "", std::string(status.message()),
                             "restore the directory from a copy, or save what checks out with "
                             "`npk repair`"});
  return absl::OkStatus();
}

absl::StatusOr<VerifyReport> VerifyNow(Backend& backend, bool in_use, CheckArray check,
                                       const VerifyOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(Salvage salvage, Salvage::Read(backend));
  VerifyReport report;
  report.findings = salvage.findings();
  report.records = salvage.records();
  report.arrays = salvage.arrays().size();
  if (!HasError(report)) NUMPACK_RETURN_IF_ERROR(TryToRecover(backend, in_use, report));
  uint64_t done = 0;
  uint64_t total = 0;
  for (const SalvagedArray& array : salvage.arrays()) total += array.entry.length;
  const auto advance = [&](uint64_t bytes) {
    done += bytes;
    if (options.progress) options.progress(done, total);
  };
  for (const SalvagedArray& array : salvage.arrays()) {
    const EntryRecord& entry = array.entry;
    const std::string file =
        entry.extent.number == 0 ? "" : Segment::FileName(entry.extent.segment);
    if (entry.in_place) {
      report.findings.push_back(
          {Severity::kWarning, file, entry.extent.offset, entry.name,
           "its changes in writable mode were cut short: it may mix old and new elements",
           "save it again, or acknowledge it as it is"});
    }
    report.array_bytes += entry.length;
    bool checked = false;
    if (array.readable) {
      const auto read = [&](uint64_t offset, absl::Span<std::byte> to) {
        return salvage.ReadArray(array, offset, to);
      };
      absl::Status status = check({entry.name, entry.metadata, entry.length, read});
      if (status.ok() && options.contents && HasKnownChecksum(entry)) {
        status = CheckContents(salvage, array, advance);
        ++report.contents_checked;
        checked = true;
      }
      if (!status.ok()) {
        std::string remedy = "save it again, or take it from a copy";
        if (checked) absl::StrAppend(&remedy, "; `npk repair` saves it as it is");
        report.findings.push_back({Severity::kError, file, entry.extent.offset, entry.name,
                                   std::string(status.message()), std::move(remedy)});
      }
    }
    if (!checked) advance(entry.length);
  }
  return report;
}

// What processes tell one another is left behind only by one that was killed.
absl::Status NoteLeftovers(Backend& backend, VerifyReport& report) {
  NUMPACK_ASSIGN_OR_RETURN(std::vector<std::string> files, backend.List());
  std::sort(files.begin(), files.end());
  for (const std::string& name : files) {
    if (name != "head" && !absl::StartsWith(name, "slot.")) continue;
    report.findings.push_back({Severity::kNote, name, std::nullopt, "",
                               "left behind by a process that was killed: the next one that opens "
                               "the store removes it",
                               ""});
  }
  return absl::OkStatus();
}

}  // namespace

bool VerifyReport::clean() const {
  return std::all_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity == Severity::kNote; });
}

absl::StatusOr<VerifyReport> Verify(Backend& backend, CheckArray check,
                                    const VerifyOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(const bool in_use, SharedState::IsOpen(backend, kProbeWait));
  if (in_use) {
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock,
                             SharedState::KeepWritersOut(backend, options.lock_wait));
    NUMPACK_ASSIGN_OR_RETURN(VerifyReport report,
                             VerifyNow(backend, /*in_use=*/true, check, options));
    report.in_use = true;
    return report;
  }
  absl::StatusOr<VerifyReport> report = VerifyNow(backend, /*in_use=*/false, check, options);
  // What looks like damage may be the work of somebody who has opened the store meanwhile.
  NUMPACK_ASSIGN_OR_RETURN(const bool in_use_now, SharedState::IsOpen(backend, kProbeWait));
  if (!(report.ok() && report->clean())) {
    if (in_use_now) return Verify(backend, check, options);
    // Or of somebody who has left again: whoever opens it adds a record to the log.
    const absl::StatusOr<VerifyReport> again =
        VerifyNow(backend, /*in_use=*/false, check, VerifyOptions());
    const bool same =
        report.ok() == again.ok() && (!report.ok() || report->records == again->records);
    if (!same) return Verify(backend, check, options);
  }
  if (report.ok() && !in_use_now) NUMPACK_RETURN_IF_ERROR(NoteLeftovers(backend, *report));
  return report;
}

}  // namespace numpack::storage
