#include "tests/crash/ledger.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"

namespace numpack::crash {
namespace {

constexpr size_t kBytes = 16384;

absl::Status Illegal(uint64_t array, uint64_t seen, uint64_t acknowledged, uint64_t started) {
  return absl::DataLossError(absl::StrCat("array ", array, ": found state ", seen, " (epoch ",
                                          seen >> 32, "), acknowledged ", acknowledged, " (epoch ",
                                          acknowledged >> 32, "), started ", started));
}

}  // namespace

Ledger::Ledger(MappedRegion region)
    : region_(std::move(region)),
      totals_(reinterpret_cast<Totals*>(region_.data())),
      entries_(reinterpret_cast<Entry*>(totals_ + 1)) {
  static_assert(sizeof(Totals) + kMaxArrays * sizeof(Entry) <= kBytes);
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& directory) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend,
                           OpenNativeBackend(directory, /*create_directory=*/false));
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           backend->Open("ledger", OpenMode::kCreate));
  NUMPACK_RETURN_IF_ERROR(file->Reserve(kBytes));
  NUMPACK_ASSIGN_OR_RETURN(MappedRegion region, file->Map(0, kBytes, MapMode::kReadWrite));
  return std::unique_ptr<Ledger>(new Ledger(std::move(region)));
}

absl::StatusOr<uint64_t> Ledger::Resolve(uint64_t array, uint64_t stored) {
  Entry& entry = entries_[array];
  const uint64_t acknowledged = entry.acknowledged.load();
  const uint64_t started = entry.started.load();
  const uint64_t removal = entry.removal.load();
  // An array that is not there was removed last, or never saved.
  const uint64_t stamp = stored != 0 ? stored : started == removal ? started : removal;
  if (stamp != acknowledged && stamp != started)
    return Illegal(array, stored, acknowledged, started);
  // Whoever made it may have died before it could say so, and the next stamp takes its place.
  Acknowledge(array, stamp);
  return stamp;
}

void Ledger::Start(uint64_t array, uint64_t stamp, bool removal) {
  Entry& entry = entries_[array];
  if (removal) entry.removal.store(stamp);
  entry.started.store(stamp);
}

void Ledger::Acknowledge(uint64_t array, uint64_t stamp) {
  // The lock is no longer held, so a later commit may have been acknowledged already.
  std::atomic<uint64_t>& acknowledged = entries_[array].acknowledged;
  for (uint64_t before = acknowledged.load(); before < stamp;) {
    if (acknowledged.compare_exchange_weak(before, stamp)) break;
  }
}

absl::Status Ledger::Check(uint64_t array, uint64_t acknowledged_before, uint64_t seen) const {
  const Entry& entry = entries_[array];
  const uint64_t started = entry.started.load();
  const bool legal = seen == 0 ? entry.removal.load() >= acknowledged_before
                               : seen >= acknowledged_before && seen <= started;
  return legal ? absl::OkStatus() : Illegal(array, seen, acknowledged_before, started);
}

}  // namespace numpack::crash
