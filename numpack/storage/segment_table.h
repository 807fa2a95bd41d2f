// SegmentTable: the segments that this process has open, so that each is open once.
//
// Segment numbers are not used again while any process has the store open, so an open segment is
// always the one of that name. Thread-safe.
#ifndef NUMPACK_STORAGE_SEGMENT_TABLE_H_
#define NUMPACK_STORAGE_SEGMENT_TABLE_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/open_files.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

class SegmentTable {
 public:
  explicit SegmentTable(const std::shared_ptr<Backend>& backend)
      : mappings_(backend->capabilities().mappings), files_(backend) {}

  // NotFound when there is no such file.
  absl::StatusOr<std::shared_ptr<Segment>> Open(uint32_t number);
  // Takes note of one that was opened under another name.
  void Insert(const std::shared_ptr<Segment>& segment);
  // Makes the file; AlreadyExists.
  absl::StatusOr<std::shared_ptr<Segment>> Create(uint32_t number);
  // Segment::WriteBack of all of them; goes on after an error, and returns the first.
  absl::Status WriteBack();

 private:
  const bool mappings_;
  OpenFiles files_;
  absl::Mutex mu_;
  absl::flat_hash_map<uint32_t, std::weak_ptr<Segment>> segments_ ABSL_GUARDED_BY(mu_);
  size_t sweep_at_ ABSL_GUARDED_BY(mu_) = 64;  // entries at which the dead ones are looked for
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SEGMENT_TABLE_H_
