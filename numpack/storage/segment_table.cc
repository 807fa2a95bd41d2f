#include "numpack/storage/segment_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "numpack/base/status_macros.h"

namespace numpack::storage {

absl::StatusOr<std::shared_ptr<Segment>> SegmentTable::Open(uint32_t number) {
  absl::MutexLock lock(&mu_);
  if (const auto it = segments_.find(number); it != segments_.end()) {
    if (std::shared_ptr<Segment> live = it->second.lock()) return live;
  }
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment,
                           Segment::Open(files_, mappings_, number, OpenMode::kReadWrite));
  segments_[number] = segment;
  if (segments_.size() >= sweep_at_) {
    absl::erase_if(segments_, [](const auto& item) { return item.second.expired(); });
    sweep_at_ = std::max<size_t>(64, 2 * segments_.size());
  }
  return segment;
}

void SegmentTable::Insert(const std::shared_ptr<Segment>& segment) {
  absl::MutexLock lock(&mu_);
  segments_[segment->number()] = segment;
}

absl::StatusOr<std::shared_ptr<Segment>> SegmentTable::Create(uint32_t number) {
  absl::MutexLock lock(&mu_);
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment,
                           Segment::Open(files_, mappings_, number, OpenMode::kCreateNew));
  segments_[number] = segment;
  return segment;
}

absl::Status SegmentTable::WriteBack() {
  if (mappings_) return absl::OkStatus();
  std::vector<std::shared_ptr<Segment>> live;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [number, weak] : segments_) {
      if (std::shared_ptr<Segment> segment = weak.lock()) live.push_back(std::move(segment));
    }
  }
  absl::Status status;
  for (const std::shared_ptr<Segment>& segment : live) status.Update(segment->WriteBack());
  return status;
}

}  // namespace numpack::storage
