#include "tests/crash/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace numpack::crash {
namespace {

constexpr size_t kBytes = 16384;

absl::Status SystemError(const std::string& path) {
  return absl::InternalError(absl::StrCat(path, ": ", std::strerror(errno)));
}

absl::Status Illegal(uint64_t array, uint64_t seen, uint64_t acknowledged, uint64_t started) {
  return absl::DataLossError(absl::StrCat("array ", array, ": found state ", seen, " (epoch ",
                                          seen >> 32, "), acknowledged ", acknowledged, " (epoch ",
                                          acknowledged >> 32, "), started ", started));
}

}  // namespace

Ledger::Ledger(void* memory)
    : memory_(memory),
      totals_(static_cast<Totals*>(memory)),
      entries_(reinterpret_cast<Entry*>(totals_ + 1)) {
  static_assert(sizeof(Totals) + kMaxArrays * sizeof(Entry) <= kBytes);
}

Ledger::~Ledger() { munmap(memory_, kBytes); }

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return SystemError(path);
  const bool sized = ftruncate(file, kBytes) == 0;
  void* const memory =
      sized ? mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return SystemError(path);
  return std::unique_ptr<Ledger>(new Ledger(memory));
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
