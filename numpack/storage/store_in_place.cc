// In-place changes: arrays that are handed out as writable memory.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/checksum.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

// Whether no other array has bytes on the extent's pages.
bool HasOwnPages(const Extent& extent) {
  return extent.own_segment ||
         (extent.offset % kPageBytes == 0 && extent.capacity % kPageBytes == 0);
}

}  // namespace

absl::StatusOr<InPlaceMapping> Store::BeginInPlace(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction turn, Begin());
  NUMPACK_ASSIGN_OR_RETURN(EntryPtr entry, turn.FindForChange(name));
  if (entry->extent != nullptr && !HasOwnPages(*entry->extent)) {
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent moved, turn.CopyToOwnPages(name));
    NUMPACK_RETURN_IF_ERROR(turn.Put(name, std::move(moved), entry->metadata));
    NUMPACK_RETURN_IF_ERROR(turn.Publish());
    entry = FindEntry(name);
  }
  InPlaceMapping mapping;
  if (entry->extent != nullptr) {
    const Extent& extent = *entry->extent;
    NUMPACK_ASSIGN_OR_RETURN(mapping.region,
                             extent.segment->MapWritable(extent.offset, entry->length));
  }
  // Other processes may not write until the array is closed: it must not be replaced meanwhile.
  NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait_));
  absl::Status status = UpdateInPlace(
      RecordKind::kInPlaceBegin, {InPlaceEnd{std::string(name), entry->metadata}}, InPlace::kOpen);
  if (!status.ok()) {
    ReleaseLock();
    return status;
  }
  absl::StatusOr<PinnedBytes> bytes = Find(name);
  if (!bytes.ok()) {
    EndInPlace({InPlaceEnd{std::string(name), entry->metadata}}).IgnoreError();
    return bytes.status();
  }
  mapping.bytes = *std::move(bytes);
  return mapping;
}

absl::Status Store::EndInPlace(absl::Span<const InPlaceEnd> ends) {
  for (const InPlaceEnd& end : ends) {
    const EntryPtr entry = FindEntry(end.name);
    if (entry == nullptr || entry->in_place != InPlace::kOpen) {
      return absl::FailedPreconditionError(
          absl::StrCat("array '", end.name, "' is not open in place"));
    }
    if (entry->extent != nullptr) entry->extent->segment->MarkDirty();
  }
  absl::Status status = UpdateInPlace(RecordKind::kInPlaceEnd, ends, InPlace::kNo);
  for (size_t i = 0; i < ends.size(); ++i) ReleaseLock();  // one for each begin
  return status;
}

std::vector<std::string> Store::Interrupted() {
  // What another process has open in place looks the same here.
  if (shared_->AnotherWrites()) return {};
  absl::MutexLock lock(&mu_);
  Follow().IgnoreError();  // as for Contains
  std::vector<std::string> names;
  for (const auto& [ordinal, item] : catalogue_.items()) {
    if (item->second->in_place == InPlace::kInterrupted) names.push_back(item->first);
  }
  return names;
}

absl::Status Store::AcknowledgeInterrupted(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(const Transaction turn, Begin());
  const EntryPtr entry = FindEntry(name);
  if (entry == nullptr)
    return absl::NotFoundError(absl::StrCat("array '", name, "' does not exist"));
  if (entry->in_place != InPlace::kInterrupted) return absl::OkStatus();
  return UpdateInPlace(RecordKind::kInPlaceEnd, {InPlaceEnd{std::string(name), entry->metadata}},
                       InPlace::kNo);
}

absl::StatusOr<std::optional<uint32_t>> Store::ReadChecksum(const Entry& entry) {
  if (!entry.checksum.has_value() || entry.extent == nullptr) return entry.checksum;
  const Extent& extent = *entry.extent;
  NUMPACK_ASSIGN_OR_RETURN(const uint32_t checksum,
                           ExtendChecksum(0, *extent.segment, extent.offset, entry.length));
  return std::optional<uint32_t>(checksum);
}

// Lets go of every array's memory, after an error too, and returns the first.
absl::Status Store::EndWritable(absl::Span<const InPlaceEnd> items) const {
  absl::Status status;
  for (const InPlaceEnd& item : items) {
    const EntryPtr entry = FindEntry(item.name);
    if (entry->extent != nullptr)
      status.Update(entry->extent->segment->EndWritable(entry->extent->offset));
  }
  return status;
}

// Appends the record, makes the entries follow, and makes both durable.
absl::Status Store::LogInPlace(RecordKind kind, absl::Span<const InPlaceEnd> items, InPlace state) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  // Before the record: it says that the bytes in the files are those that were meant.
  if (state == InPlace::kNo) NUMPACK_RETURN_IF_ERROR(EndWritable(items));
  InPlacePayload payload;
  for (const InPlaceEnd& item : items) {
    payload.items.push_back({item.name, item.metadata});
    if (state == InPlace::kNo) {
      NUMPACK_ASSIGN_OR_RETURN(payload.items.back().checksum, ReadChecksum(*FindEntry(item.name)));
    }
  }
  {
    absl::MutexLock write_lock(&write_mu_);
    NUMPACK_RETURN_IF_ERROR(Append({{kind, Encode(payload)}}, [&](Catalogue& catalogue) {
      for (const InPlacePayload::Item& item : payload.items) {
        auto entry = std::make_shared<Entry>(*catalogue.Find(item.name));
        entry->in_place = state;
        entry->metadata = item.metadata;
        if (state == InPlace::kNo) entry->checksum = item.checksum;
        catalogue.Update(item.name, std::move(entry));
      }
    }));
    NoteWritten(log_->generation());
  }
  if (kind == RecordKind::kInPlaceBegin && IsBroken("begin-not-durable")) return absl::OkStatus();
  return Flush();
}

// After an error nobody goes on with the changes, so what is open then is interrupted, as the log
// has it.
absl::Status Store::UpdateInPlace(RecordKind kind, absl::Span<const InPlaceEnd> items,
                                  InPlace state) {
  absl::Status status = LogInPlace(kind, items, state);
  if (status.ok()) return status;
  absl::MutexLock lock(&mu_);
  for (const InPlaceEnd& item : items) {
    const EntryPtr entry = catalogue_.Find(item.name);
    if (entry == nullptr || entry->in_place != InPlace::kOpen) continue;
    auto interrupted = std::make_shared<Entry>(*entry);
    interrupted->in_place = InPlace::kInterrupted;
    catalogue_.Update(item.name, std::move(interrupted));
  }
  return status;
}

}  // namespace numpack::storage
