// Verify: is everything in a store's directory as it should be? It only reads.
//
// Checked: every record of the commit log and how they follow each other; that every array's bytes
// lie within their segment and in nobody else's; what `check` says of each array; and the contents
// of those that carry a checksum. While somebody has the store open, writers are kept out;
// otherwise no lock is taken.
#ifndef NUMPACK_STORAGE_VERIFY_H_
#define NUMPACK_STORAGE_VERIFY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/finding.h"

namespace numpack::storage {

struct VerifyOptions {
  // While somebody has the store open: how long to wait for writers to pause. Default: 30 seconds.
  absl::Duration lock_wait = absl::Seconds(30);
  // Whether to read the arrays that carry a checksum, all of them, and compare. Default: yes.
  bool contents = true;
  // Called now and then with the bytes of arrays checked so far and those there are. Default:
  // nobody is told.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct VerifyReport {
  std::vector<Finding> findings;
  uint64_t arrays = 0;
  uint64_t array_bytes = 0;
  uint64_t contents_checked = 0;  // arrays whose contents were compared with their checksum
  uint64_t records = 0;           // of the commit log
  bool in_use = false;            // somebody had the store open

  // Whether there is nothing but notes.
  bool clean() const;
};

// An array as the log has it. `read` fills a buffer with its bytes from an offset on.
struct StoredArray {
  absl::string_view name;
  const std::string& metadata;
  uint64_t length;
  absl::FunctionRef<absl::Status(uint64_t offset, absl::Span<std::byte> to)> read;
};
// An error says what is wrong with it.
using CheckArray = absl::FunctionRef<absl::Status(const StoredArray&)>;

// NotFound when there is no store; Unavailable when somebody goes on writing; FailedPrecondition
// for a store of a later version. Damage is no error, but a finding.
absl::StatusOr<VerifyReport> Verify(Backend& backend, CheckArray check,
                                    const VerifyOptions& options = {});

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_VERIFY_H_
