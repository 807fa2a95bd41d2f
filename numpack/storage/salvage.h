// Salvage: reads a store's files without opening the store, takes what checks out, and says what
// does not. It only reads. Verify and Repair are made of it.
//
// A sound store gives the state that Recover gives. In a damaged one, reading goes on at the next
// record whose own checksums hold; what the lost records said is unknown, so an array that an
// earlier record named may have been replaced or removed since: it is `doubtful`. Where two arrays
// claim the same bytes, the one that was named later has them.
#ifndef NUMPACK_STORAGE_SALVAGE_H_
#define NUMPACK_STORAGE_SALVAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/storage/finding.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/record.h"

namespace numpack::storage {

struct SalvagedArray {
  EntryRecord entry;
  uint64_t generation = 0;  // of the record that named it last
  uint64_t ordinal = 0;     // the order of first save
  bool doubtful = false;    // records were lost since
  bool readable = false;    // its bytes are there, and nobody else's
};

class Salvage {
 public:
  // NotFound when there is no store; FailedPrecondition for one of a later version. Damage is no
  // error: see findings().
  static absl::StatusOr<Salvage> Read(Backend& backend);

  const std::vector<Finding>& findings() const { return findings_; }
  const std::vector<SalvagedArray>& arrays() const {
    return arrays_;
  }  // in the order of first save
  uint64_t records() const { return records_; }
  // Number and length of the log that counts, to tell whether somebody has written since.
  uint64_t log_number() const { return log_number_; }

  // Bytes of a readable array as the store would give them: what recovery would write into it is in
  // them already.
  absl::Status ReadArray(const SalvagedArray& array, uint64_t offset, absl::Span<std::byte> to);

 private:
  struct Found;  // a record in a log
  struct Log;

  explicit Salvage(Backend& backend) : backend_(backend) {}
  void Find(Severity severity, std::string file, std::optional<uint64_t> offset, std::string what,
            std::string remedy);
  absl::StatusOr<std::vector<Log>> ReadLogs(absl::Span<const std::string> files);
  void Scan(Log& log) const;
  void ReportGaps(const Log& log);
  absl::Status Replay(const Log& log);
  absl::Status Apply(const Found& found);
  absl::Status ApplyCommit(const CommitPayload& payload, uint64_t generation);
  void DropUncovered(Log& log);
  void NoteUndo(const Record& record);
  void NoteRewrites(const Log& log);
  void CheckPlaces();
  void CheckFiles(absl::Span<const std::string> files, absl::Span<const Log> logs);
  File* Segment(uint32_t number);

  Backend& backend_;
  std::vector<Finding> findings_;
  uint64_t records_ = 0;
  uint64_t log_number_ = 0;
  uint64_t last_gap_ = 0;  // generation behind which records were lost last
  absl::btree_map<std::string, SalvagedArray> by_name_;
  uint64_t next_ordinal_ = 1;
  std::vector<SalvagedArray> arrays_;
  // What recovery would write, by extent.
  absl::btree_map<uint64_t, std::vector<RedoPayload::Piece>> rewrites_;
  std::map<uint32_t, std::unique_ptr<File>> segments_;  // null: cannot be opened
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SALVAGE_H_
