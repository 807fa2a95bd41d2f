// Recovery: reading the commit log back. This is the one place where a store's untrusted bytes
// become state.
//
// In the boot of the machine in which the log was last written, every whole record counts; a torn
// last record is cut. In another boot (or an unknown one) pages may have been lost, so the state is
// that of the last barrier, and nothing is ever appended behind what follows it. Damage is
// DataLoss, with file and offset; nothing is changed.
#ifndef NUMPACK_STORAGE_RECOVERY_H_
#define NUMPACK_STORAGE_RECOVERY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/commit_log.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/limbo.h"

namespace numpack::storage {

struct RecoveredState {
  Catalogue catalogue;
  Limbo limbo;

  // The log it was read from, still open.
  uint64_t log_number = 0;
  std::unique_ptr<File> log_file;
  CommitLog::Position end;  // of the records that count
  bool torn = false;        // an unfinished record follows, which may be wiped
  bool sealed = false;  // the log has a seal; otherwise its maker died before it was made durable
  // Something that must not be trusted follows: continue in a new log.
  bool untrusted_tail = false;
  // Other logs in the directory, which this one replaces or which never came to life.
  std::vector<uint64_t> stale_logs;
};

// Reads the state of the store in `backend`. NotFound when there is no log at all. `releases` is
// what the extents report to (see Extent). Segments are opened, and every extent is checked to lie
// within its segment and to share no byte with another.
absl::StatusOr<RecoveredState> Recover(Backend& backend,
                                       const std::shared_ptr<std::atomic<uint64_t>>& releases);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_RECOVERY_H_
