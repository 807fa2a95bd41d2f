#include "numpack/storage/repair.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/contents_check.h"
#include "numpack/storage/options.h"
#include "numpack/storage/salvage.h"
#include "numpack/storage/shared_state.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

constexpr uint64_t kBlockBytes = uint64_t{4} << 20;
constexpr absl::Duration kProbeWait = absl::Seconds(1);

// Reading and writing fail for different reasons: one loses the array, the other ends the repair.
struct Outcome {
  absl::Status read;
  absl::Status written;
  absl::Status contents;  // whether they match their checksum, if there is one
};

template <typename Moved>
Outcome CopyArray(Salvage& salvage, const SalvagedArray& array, Store& to, Moved moved) {
  Outcome outcome;
  auto transaction = to.Begin();
  outcome.written = transaction.status();
  if (!outcome.written.ok()) return outcome;
  auto extent = transaction->Allocate(array.entry.name, array.entry.length);
  outcome.written = extent.status();
  if (extent.ok() && array.entry.checksum.has_value()) extent->AddChecksum();
  ContentsCheck contents(array.entry);
  std::vector<std::byte> block;
  for (uint64_t at = 0; outcome.written.ok() && at < array.entry.length; at += block.size()) {
    block.resize(std::min(kBlockBytes, array.entry.length - at));
    outcome.read = salvage.ReadArray(array, at, absl::MakeSpan(block));
    if (!outcome.read.ok()) return outcome;
    contents.Add(block);
    outcome.written = extent->Write(at, block);
    moved(block.size());
  }
  if (outcome.written.ok())
    outcome.written = transaction->Put(array.entry.name, *std::move(extent), array.entry.metadata);
  if (outcome.written.ok()) outcome.written = transaction->Commit();
  outcome.contents = contents.Result();
  return outcome;
}

// Why an array that could be read may not be right; empty when it is.
std::string Doubt(const SalvagedArray& array, const absl::Status& contents) {
  if (!contents.ok()) return std::string(contents.message());
  if (array.entry.in_place)
    return "changes in writable mode were cut short: it may mix old and new elements";
  if (array.doubtful)
    return "records of later changes are damaged: it may have been replaced or removed since";
  return "";
}

std::string FindingFor(const Salvage& salvage, const std::string& name) {
  for (const Finding& finding : salvage.findings()) {
    if (finding.array == name) return absl::StrCat(finding.file, ": ", finding.what);
  }
  return "its bytes are not there";
}

}  // namespace

absl::StatusOr<RepairReport> Repair(Backend& from, std::shared_ptr<Backend> to, CheckArray check,
                                    const RepairOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(const bool in_use, SharedState::IsOpen(from, kProbeWait));
  if (in_use) {
    return absl::FailedPreconditionError(
        absl::StrCat(from.Describe(), " is open: close it everywhere before it is repaired"));
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> there, to->List());
  if (!there.empty() || from.Identity() == to->Identity()) {
    return absl::FailedPreconditionError(
        absl::StrCat(to->Describe(), " is not empty: what is saved goes into a new directory"));
  }
  NUMPACK_ASSIGN_OR_RETURN(Salvage salvage, Salvage::Read(from));
  RepairReport report;
  report.findings = salvage.findings();
  uint64_t total = 0;
  for (const SalvagedArray& array : salvage.arrays()) total += array.entry.length;
  StoreOptions store_options;
  store_options.background_sync = false;
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Store> store,
                           Store::Open(std::move(to), store_options));
  uint64_t done = 0;
  for (const SalvagedArray& array : salvage.arrays()) {
    const std::string& name = array.entry.name;
    if (!array.readable) {
      report.lost.push_back({name, FindingFor(salvage, name)});
      continue;
    }
    const auto read = [&](uint64_t offset, absl::Span<std::byte> bytes) {
      return salvage.ReadArray(array, offset, bytes);
    };
    const absl::Status checked = check({name, array.entry.metadata, array.entry.length, read});
    if (!checked.ok()) {
      report.lost.push_back({name, std::string(checked.message())});
      continue;
    }
    const Outcome outcome = CopyArray(salvage, array, *store, [&](uint64_t bytes) {
      done += bytes;
      if (options.progress) options.progress(done, total);
    });
    if (!outcome.written.ok()) {
      store->CloseHandle().IgnoreError();  // the first error is the one to report
      return outcome.written;
    }
    if (!outcome.read.ok()) {
      report.lost.push_back({name, std::string(outcome.read.message())});
      continue;
    }
    report.saved.push_back(name);
    report.bytes += array.entry.length;
    if (std::string doubt = Doubt(array, outcome.contents); !doubt.empty())
      report.doubtful.push_back({name, std::move(doubt)});
  }
  NUMPACK_RETURN_IF_ERROR(store->CloseHandle());
  return report;
}

}  // namespace numpack::storage
