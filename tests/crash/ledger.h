// Ledger: what the processes of a crash test have done to a store, told to one another outside it,
// in a file that all of them map and that a kill leaves as it is.
//
// For every array there is a stamp that only grows. Whoever changes an array has the writer lock;
// it notes the new stamp as started, commits, and notes it as acknowledged. So at every moment, and
// whoever was killed, the stored state of an array is the acknowledged one or the started one.
#ifndef NUMPACK_TESTS_CRASH_LEDGER_H_
#define NUMPACK_TESTS_CRASH_LEDGER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/mapped_region.h"

namespace numpack::crash {

inline constexpr int kMaxArrays = 64;

class Ledger {
 public:
  // Maps the file `ledger` in the directory, and makes it when it is not there: whoever starts the
  // others does that first.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& directory);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // What a writer does. With the writer lock: the stamp that is stored, 0 for no array, has to be
  // legal; returns the stamp that the array really has, which tells removals apart.
  absl::StatusOr<uint64_t> Resolve(uint64_t array, uint64_t stored);
  // The commit that gives the array this stamp is about to be made.
  void Start(uint64_t array, uint64_t stamp, bool removal);
  // ... and was acknowledged.
  void Acknowledge(uint64_t array, uint64_t stamp);
  // Larger than all stamps so far.
  uint64_t NextStamp(uint64_t array) const { return entries_[array].started.load() + 1; }

  // What a reader without a lock does: Acknowledged before it looks, and Check with what it saw (0
  // for no array) after.
  uint64_t Acknowledged(uint64_t array) const { return entries_[array].acknowledged.load(); }
  absl::Status Check(uint64_t array, uint64_t acknowledged_before, uint64_t seen) const;

  // Totals, for the report.
  std::atomic<uint64_t>& commits() { return totals_->commits; }
  std::atomic<uint64_t>& reads() { return totals_->reads; }

 private:
  struct Totals {
    std::atomic<uint64_t> commits;
    std::atomic<uint64_t> reads;
  };
  struct Entry {
    std::atomic<uint64_t> acknowledged;
    std::atomic<uint64_t> started;
    std::atomic<uint64_t> removal;  // the stamp of the last removal that was started
  };

  explicit Ledger(MappedRegion region);

  const MappedRegion region_;
  Totals* const totals_;
  Entry* const entries_;
};

}  // namespace numpack::crash

#endif  // NUMPACK_TESTS_CRASH_LEDGER_H_
