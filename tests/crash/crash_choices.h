// Which of the things that may be left after a restart are tried.
#ifndef NUMPACK_TESTS_CRASH_CRASH_CHOICES_H_
#define NUMPACK_TESTS_CRASH_CRASH_CHOICES_H_

#include <cstddef>
#include <random>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "numpack/backends/testing/disk_model.h"

namespace numpack::crash {

struct CrashEffort {
  size_t all_up_to;  // if there are not more possibilities of whole sectors, all of them; 0: none
  // Else the usual suspects (logs old or new, arrays old or new, directory old or new), and so many
  // random ones, half of which tear sectors.
  size_t random;
  // Each unsynced sector of a log also torn at every byte that matters.
  bool every_tear;
};

// Calls `look` for each crash that is tried, until it returns an error, which is returned with what
// was not the newest then.
absl::Status ForSomeCrashes(const DiskModel& disk, const CrashEffort& effort,
                            std::mt19937_64& random,
                            absl::FunctionRef<absl::Status(CrashChoices&)> look);

}  // namespace numpack::crash

#endif  // NUMPACK_TESTS_CRASH_CRASH_CHOICES_H_
