// What the store's bytes are used for.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/store.h"

namespace numpack::storage {

StoreStats Store::stats() const {
  absl::MutexLock write_lock(&write_mu_);
  absl::MutexLock lock(&mu_);
  StoreStats stats;
  stats.arrays = catalogue_.size();
  stats.commits = commits_;
  for (const auto& [ordinal, item] : catalogue_.items()) {
    const EntryPtr& entry = item->second;
    stats.live_bytes += entry->length;
    if (entry->extent != nullptr) stats.slack_bytes += entry->extent->capacity - entry->length;
  }
  stats.limbo_bytes = limbo_.bytes();
  for (const std::shared_ptr<Extent>& extent : limbo_.waiting()) {
    if (shared_->pins()->IsPinned(extent->number)) stats.pinned_bytes += extent->capacity;
  }
  stats.free_bytes = space_ == nullptr ? 0 : space_->free_bytes();
  stats.log_bytes = position_.offset;
  return stats;
}

absl::StatusOr<StoreStats> Store::StatsWithFiles() {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  {
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(Follow());
  }
  StoreStats result = stats();
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  uint64_t segment_bytes = 0;
  for (const std::string& name : files) {
    const bool is_segment = absl::StartsWith(name, "segment.");
    if (!is_segment && !absl::StartsWith(name, "log.")) continue;
    const absl::StatusOr<std::unique_ptr<File>> file = backend_->Open(name, OpenMode::kReadOnly);
    if (absl::IsNotFound(file.status())) continue;  // a writer has just removed it
    NUMPACK_RETURN_IF_ERROR(file.status());
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
    result.file_bytes += size;
    if (!is_segment) continue;
    segment_bytes += size;
    ++result.segments;
  }
  absl::MutexLock write_lock(&write_mu_);
  if (space_ == nullptr) {
    const uint64_t used = result.live_bytes + result.slack_bytes;
    result.free_bytes = segment_bytes - std::min(segment_bytes, used);
  }
  return result;
}

}  // namespace numpack::storage
