// Repair: saves what checks out of a damaged store into a new one. The damaged one is only read.
// Arrays that carry a checksum carry one there too, of what was saved.
#ifndef NUMPACK_STORAGE_REPAIR_H_
#define NUMPACK_STORAGE_REPAIR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/finding.h"
#include "numpack/storage/verify.h"

namespace numpack::storage {

struct RepairOptions {
  // Called now and then with the bytes of arrays read so far and those there are.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct RepairReport {
  std::vector<std::string> saved;  // in the order of first save
  struct Array {
    std::string name;
    std::string why;
  };
  // Saved as well, but perhaps not what the last writer meant: look at them.
  std::vector<Array> doubtful;
  // Known by name, and not saved. Arrays that only lost records named are known to nobody.
  std::vector<Array> lost;
  std::vector<Finding> findings;  // what was wrong with the store
  uint64_t bytes = 0;             // of arrays, saved
};

// NotFound when there is no store in `from`. FailedPrecondition when somebody has it open, when it
// is of a later version, or when there are files in `to`. Other errors are those of writing to
// `to`; then what is there is a sound store with a part of the arrays.
absl::StatusOr<RepairReport> Repair(Backend& from, std::shared_ptr<Backend> to, CheckArray check,
                                    const RepairOptions& options = {});

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_REPAIR_H_
