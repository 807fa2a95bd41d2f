// Recovery: reading the commit log back, whole or from where one has read before. With record.h and
// log_payload.h this is the one place where a store's untrusted bytes become state.
//
// In the boot of the machine in which the log was last written, every whole record counts; a torn
// last record is cut. In another boot (or an unknown one) pages may have been lost, so the state is
// that of the last barrier, and nothing is ever appended behind what follows it. Damage is
// DataLoss, with file and offset; nothing is changed.
#ifndef NUMPACK_STORAGE_RECOVERY_H_
#define NUMPACK_STORAGE_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/commit_log.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/limbo.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/pins.h"
#include "numpack/storage/record.h"
#include "numpack/storage/segment_table.h"

namespace numpack::storage {

struct RecoveredState {
  Catalogue catalogue;
  Limbo limbo;

  // The log it was read from, still open.
  uint64_t log_number = 0;
  std::shared_ptr<File> log_file;
  CommitLog::Position end;  // of the records that count
  bool torn = false;        // an unfinished record follows, which may be wiped
  bool boot_noted = false;  // the last session among the records is of this boot
  bool sealed = false;  // the log has a seal; otherwise its maker died before it was made durable
  // Something that must not be trusted follows: continue in a new log.
  bool untrusted_tail = false;
  // Generations: of the last change, and up to where a sealed barrier covers the changes.
  uint64_t changed = 0;
  uint64_t covered = 0;
  // To be written before the state is used: see RedoPayload. Offsets from the extent's beginning.
  struct Rewrite {
    std::shared_ptr<Extent> extent;
    RedoPayload::Piece piece;
  };
  std::vector<Rewrite> rewrites;
  // Other logs in the directory, which this one replaces or which never came to life.
  std::vector<uint64_t> stale_logs;
};

// Who reads the log.
enum class Reader {
  kFirst,         // nobody has the store open: boots are compared, and nothing is pinned
  kFirstWatched,  // the same, but readers that cannot count live: what is in limbo is pinned
  kSuccessor,     // the last writer died, in this boot: every whole record counts
};

// Reads the state of the store in `backend`. NotFound when there is no log at all, or only logs of
// a store that was being made when its maker died. Segments are opened, and every extent is checked
// to lie within its segment and to share no byte with another.
absl::StatusOr<RecoveredState> Recover(Backend& backend, SegmentTable& segments,
                                       const std::shared_ptr<PinCounters>& pins, Reader reader);

// Whether some log in `backend` is complete, or was: everything that makes up a store is there, or
// its loss is damage.
absl::StatusOr<bool> HasCompleteLog(Backend& backend);

// Reads the first `tail` bytes of a log that a living process has published, and takes everything
// that waits in limbo for pinned. May fail when others publish meanwhile: look again.
absl::StatusOr<RecoveredState> ReadPublished(Backend& backend, SegmentTable& segments,
                                             const std::shared_ptr<PinCounters>& pins,
                                             uint64_t log_number, uint64_t tail);

// The records of a log.
struct ParsedLog {
  std::string bytes;
  std::vector<std::pair<uint64_t, Record>> records;  // with their offsets in the file
  CommitLog::Position stop;                          // behind the last one
  LogEnd end = LogEnd::kClean;
};
// Parses [from, to) of the file, which starts behind a record that `from` describes (or with the
// first).
absl::StatusOr<ParsedLog> ParseLog(File& file, const CommitLog::Position& from, uint64_t to);

// A DataLoss that names the place and the remedy.
absl::Status CorruptLog(const File& file, uint64_t offset, absl::string_view what);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_RECOVERY_H_
