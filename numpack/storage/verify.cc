#include "numpack/storage/verify.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/salvage.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/shared_state.h"

namespace numpack::storage {
namespace {

constexpr absl::Duration kProbeWait = absl::Seconds(1);

absl::StatusOr<VerifyReport> VerifyNow(Backend& backend, CheckArray check,
                                       const VerifyOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(Salvage salvage, Salvage::Read(backend));
  VerifyReport report;
  report.findings = salvage.findings();
  report.records = salvage.records();
  report.arrays = salvage.arrays().size();
  uint64_t done = 0;
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
    if (array.readable) {
      const auto read = [&](uint64_t offset, absl::Span<std::byte> to) {
        return salvage.ReadArray(array, offset, to);
      };
      const absl::Status status = check({entry.name, entry.metadata, entry.length, read});
      if (!status.ok()) {
        report.findings.push_back({Severity::kError, file, entry.extent.offset, entry.name,
                                   std::string(status.message()),
                                   "save it again, or take it from a copy"});
      }
    }
    if (options.progress) options.progress(++done, salvage.arrays().size());
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
    NUMPACK_ASSIGN_OR_RETURN(VerifyReport report, VerifyNow(backend, check, options));
    report.in_use = true;
    return report;
  }
  absl::StatusOr<VerifyReport> report = VerifyNow(backend, check, options);
  // What looks like damage may be the work of somebody who has opened the store meanwhile.
  NUMPACK_ASSIGN_OR_RETURN(const bool in_use_now, SharedState::IsOpen(backend, kProbeWait));
  if (in_use_now && !(report.ok() && report->clean())) return Verify(backend, check, options);
  if (report.ok() && !in_use_now) NUMPACK_RETURN_IF_ERROR(NoteLeftovers(backend, *report));
  return report;
}

}  // namespace numpack::storage
