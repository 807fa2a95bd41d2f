// Arrays that are handed out as writable memory on a copy, and published together.
//
// No record names a copy before the commit, so a kill leaves free space and nothing else, and no
// reader sees it. What keeps other writers from the array is the set copies_, in this process, and
// the writer's lock among processes, of which each copy is a user.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {

absl::StatusOr<InPlaceMapping> Store::BeginCopy(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction turn, Begin());
  NUMPACK_ASSIGN_OR_RETURN(const EntryPtr before, turn.FindForChange(name));
  auto entry = std::make_shared<Entry>(*before);
  entry->in_place = InPlace::kNo;
  InPlaceMapping mapping;
  PendingExtent copy;
  if (before->extent != nullptr) {
    NUMPACK_ASSIGN_OR_RETURN(copy, turn.CopyToOwnPages(name));
    const Extent& extent = *copy.extent_;
    NUMPACK_ASSIGN_OR_RETURN(mapping.region,
                             extent.segment->MapWritable(extent.offset, entry->length));
  }
  NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait_));
  entry->extent = std::move(copy.extent_);
  {
    absl::MutexLock lock(&mu_);
    copies_[name] = entry;
  }
  mapping.bytes = PinEntry(std::move(entry));
  return mapping;
}

absl::Status Store::EndCopies(absl::Span<const InPlaceEnd> ends) {
  std::vector<std::string> names;
  std::vector<Catalogue::Put> puts;
  {
    absl::MutexLock lock(&mu_);
    for (const InPlaceEnd& end : ends) {
      const auto copy = copies_.find(end.name);
      if (copy == copies_.end()) {
        return absl::FailedPreconditionError(
            absl::StrCat("array '", end.name, "' is not open as a copy"));
      }
      auto entry = std::make_shared<Entry>(*copy->second);
      entry->metadata = end.metadata;
      if (entry->extent != nullptr) entry->extent->segment->MarkDirty();  // through the mapping
      names.push_back(end.name);
      puts.push_back({end.name, std::move(entry)});
    }
  }
  absl::Status status;
  for (const Catalogue::Put& put : puts) {
    const Extent* const extent = put.entry->extent.get();
    if (extent != nullptr) status.Update(extent->segment->EndWritable(extent->offset));
  }
  if (status.ok()) status = SumCopies(puts);
  // Without the turn, as nobody else changes these arrays: a batch of this process may have it.
  if (status.ok()) status = Commit({}, puts);
  DropCopies(names);
  return status.ok() ? Flush() : status;
}

// Gives those that carry checksums new ones.
absl::Status Store::SumCopies(std::vector<Catalogue::Put>& puts) {
  for (Catalogue::Put& put : puts) {
    auto entry = std::make_shared<Entry>(*put.entry);
    NUMPACK_ASSIGN_OR_RETURN(entry->checksum, ReadChecksum(*entry));
    put.entry = std::move(entry);
  }
  return absl::OkStatus();
}

void Store::DropCopies(absl::Span<const std::string> names) {
  for (const std::string& name : names) {
    std::shared_ptr<Extent> extent;
    {
      absl::MutexLock lock(&mu_);
      const auto copy = copies_.find(name);
      if (copy == copies_.end()) continue;
      extent = copy->second->extent;
      copies_.erase(copy);
    }
    // Unless it was published.
    if (extent != nullptr && extent->named_at == 0) Release(extent);
    ReleaseLock();
  }
}

}  // namespace numpack::storage
