// Replay: one record after another of a commit log, applied to a catalogue. This is the only place
// where records become state, for recovery and for following other processes alike.
#ifndef NUMPACK_STORAGE_REPLAY_H_
#define NUMPACK_STORAGE_REPLAY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// What a record means for space and limbo.
struct Effect {
  RecordKind kind = RecordKind::kCommit;
  uint64_t generation = 0;                          // of a barrier: what it covers
  std::vector<std::shared_ptr<Extent>> named;       // by its puts, new or not
  std::vector<std::shared_ptr<Extent>> superseded;  // named no more
  std::vector<std::shared_ptr<Extent>> kept;        // not named, but read by somebody

  bool ChangesState() const {
    return kind == RecordKind::kCommit || kind == RecordKind::kInPlaceBegin ||
           kind == RecordKind::kInPlaceEnd || kind == RecordKind::kRedo;
  }
};

// Applies a whole and sound record. `log_number` is the log's that it is in, `first` whether it is
// the first of it; then the catalogue is empty. New extents have no segment yet. Errors without a
// place: DataLoss for a record that cannot follow the state, FailedPrecondition for one of a later
// version of the format.
absl::StatusOr<Effect> ApplyRecord(const Record& record, bool first, uint64_t log_number,
                                   const std::shared_ptr<PinCounters>& pins, Catalogue& catalogue);

// What `effect` does to limbo when nothing is known of space: extents that others have replaced go.
void Follow(const Effect& effect, Limbo& limbo, Limbo::IsPinned pinned);

// Opens the extent's segment, unless that has been done, and checks that the extent lies within it.
absl::Status Attach(const Backend& backend, SegmentTable& segments, Extent& extent);

// What the log says of an extent and of an entry.
ExtentRecord MakeRecord(const Extent& extent);
EntryRecord MakeRecord(absl::string_view name, const Entry& entry);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_REPLAY_H_
