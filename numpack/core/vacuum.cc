#include "numpack/core/vacuum.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_info.h"
#include "numpack/core/transaction.h"

namespace numpack {
namespace {

// What is copied before the old places are given back.
constexpr uint64_t kRoundBytes = uint64_t{64} << 20;

// Writes the array again without its dropped rows; false when somebody holds it, or it is gone.
absl::StatusOr<bool> CompactUnlessHeld(ArrayStore& store, const std::string& name) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  if (!transaction.Contains(name) || transaction.IsHeld(name)) return false;
  NUMPACK_RETURN_IF_ERROR(transaction.Compact(name));
  NUMPACK_RETURN_IF_ERROR(transaction.Commit());
  return true;
}

}  // namespace

absl::StatusOr<VacuumReport> Vacuum(ArrayStore& store, const VacuumOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(const StoreStats before, store.Stats());
  std::vector<std::pair<std::string, uint64_t>> gappy;
  uint64_t total = 0;
  for (const std::string& name : store.List()) {
    const absl::StatusOr<ArrayInfo> info = store.Info(name);
    if (absl::IsNotFound(info.status())) continue;  // removed meanwhile
    NUMPACK_RETURN_IF_ERROR(info.status());
    if (info->dropped == nullptr) continue;
    gappy.emplace_back(name, static_cast<uint64_t>(info->nbytes));
    total += gappy.back().second;
  }
  VacuumReport compacted;
  uint64_t done = 0;
  uint64_t since_flush = 0;
  for (const auto& [name, bytes] : gappy) {
    NUMPACK_ASSIGN_OR_RETURN(const bool written, CompactUnlessHeld(store, name));
    if (!written) {
      if (store.Contains(name)) compacted.held.push_back(name);
      continue;
    }
    ++compacted.compacted_arrays;
    compacted.copied_bytes += bytes;
    done += bytes;
    since_flush += bytes;
    if (since_flush >= kRoundBytes) {
      since_flush = 0;
      NUMPACK_RETURN_IF_ERROR(store.Flush());
    }
    if (options.progress != nullptr) options.progress(done, total);
  }
  VacuumOptions rest;
  if (options.progress != nullptr) {
    rest.progress = [&](uint64_t more, uint64_t of) { options.progress(done + more, done + of); };
  }
  NUMPACK_ASSIGN_OR_RETURN(VacuumReport report, store.storage()->Vacuum(rest));
  report.before_bytes = before.file_bytes;
  report.compacted_arrays = compacted.compacted_arrays;
  report.copied_bytes += compacted.copied_bytes;
  report.held.insert(report.held.end(), compacted.held.begin(), compacted.held.end());
  std::sort(report.held.begin(), report.held.end());
  report.held.erase(std::unique(report.held.begin(), report.held.end()), report.held.end());
  return report;
}

}  // namespace numpack
