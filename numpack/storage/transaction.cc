#include "numpack/storage/transaction.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/name_array.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/checksum.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/space.h"

namespace numpack::storage {
namespace {

// What is written behind bytes that do not fill their extent, to write the next one's as well.
constexpr std::array<std::byte, kExtentAlignment - 1> kUnusedBytes = {};

uint64_t TotalBytes(Pieces pieces) {
  uint64_t sum = 0;
  for (const auto& piece : pieces) sum += piece.size();
  return sum;
}

absl::Status NotFound(absl::string_view name, const Store& store) {
  return absl::NotFoundError(
      absl::StrCat("array '", name, "' does not exist in ", store.Describe()));
}

absl::Status CheckNameAndMetadata(absl::string_view name, absl::string_view metadata) {
  if (name.empty()) return absl::InvalidArgumentError("an array's name must not be empty");
  if (name.size() > kMaxNameBytes || metadata.size() > kMaxMetadataBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("an array's name and metadata have at most ", kMaxNameBytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

PendingExtent& PendingExtent::operator=(PendingExtent&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(extent_, other.extent_);
  std::swap(length_, other.length_);
  std::swap(owned_, other.owned_);
  std::swap(checksum_, other.checksum_);
  std::swap(summed_, other.summed_);
  std::swap(in_place_, other.in_place_);
  return *this;
}

PendingExtent::~PendingExtent() {
  if (owned_ && extent_ != nullptr) store_->Release(extent_);
}

absl::Status PendingExtent::Write(uint64_t offset, Pieces pieces) {
  const std::optional<uint64_t> end = CheckedAdd(offset, TotalBytes(pieces));
  if (!end.has_value() || *end > length_) {
    return absl::OutOfRangeError(absl::StrCat("writing beyond an extent of ", length_, " bytes"));
  }
  if (*end == offset) return absl::OkStatus();
  if (checksum_.has_value()) return WriteSummed(offset, pieces);
  return extent_->segment->Write(extent_->offset + offset, pieces);
}

bool PendingExtent::LiesBefore(const PendingExtent& next) const {
  return extent_ != nullptr && next.extent_ != nullptr && !extent_->own_segment &&
         extent_->segment == next.extent_->segment &&
         extent_->offset + extent_->capacity == next.extent_->offset &&
         extent_->capacity - length_ <= kUnusedBytes.size();
}

absl::Status PendingExtent::Fill(absl::Span<const Filling> fillings) {
  for (const Filling& filling : fillings) {
    if (filling.bytes.size() != filling.extent->length_)
      return absl::OutOfRangeError(
          absl::StrCat("writing ", filling.bytes.size(), " bytes into ", filling.extent->length_));
  }
  std::vector<absl::Span<const std::byte>> pieces;
  while (!fillings.empty()) {
    const PendingExtent& first = *fillings.front().extent;
    pieces.assign({fillings.front().bytes});
    size_t count = 1;
    for (; count < fillings.size(); ++count) {
      const PendingExtent& before = *fillings[count - 1].extent;
      if (!before.LiesBefore(*fillings[count].extent)) break;
      if (const uint64_t unused = before.extent_->capacity - before.length_; unused > 0)
        pieces.push_back(absl::MakeConstSpan(kUnusedBytes).first(static_cast<size_t>(unused)));
      pieces.push_back(fillings[count].bytes);
    }
    if (first.length_ > 0)
      NUMPACK_RETURN_IF_ERROR(first.extent_->segment->Write(first.extent_->offset, pieces));
    for (const Filling& filling : fillings.first(count)) {
      PendingExtent& extent = *filling.extent;
      if (!extent.checksum_.has_value()) continue;
      extent.checksum_ = ExtendChecksum(0, filling.bytes);
      extent.summed_ = extent.length_;
    }
    fillings.remove_prefix(count);
  }
  return absl::OkStatus();
}

// Block by block, so that memory is gone through once.
absl::Status PendingExtent::WriteSummed(uint64_t offset, Pieces pieces) {
  if (offset < summed_) {  // over what was summed: all is read in the end
    checksum_ = 0;
    summed_ = 0;
  }
  const bool in_sequence = offset == summed_;
  uint32_t checksum = *checksum_;
  std::vector<absl::Span<const std::byte>> block;
  size_t block_bytes = 0;
  const auto write = [&]() -> absl::Status {
    NUMPACK_RETURN_IF_ERROR(extent_->segment->Write(extent_->offset + offset, block));
    offset += block_bytes;
    if (in_sequence) {  // noted when it is written, so that a failed write can be repeated
      summed_ = offset;
      checksum_ = checksum;
    }
    block.clear();
    block_bytes = 0;
    return absl::OkStatus();
  };
  for (absl::Span<const std::byte> piece : pieces) {
    while (!piece.empty()) {
      block.push_back(piece.first(std::min(piece.size(), kChecksumBlockBytes - block_bytes)));
      piece.remove_prefix(block.back().size());
      block_bytes += block.back().size();
      if (in_sequence) checksum = ExtendChecksum(checksum, block.back());
      if (block_bytes == kChecksumBlockBytes) NUMPACK_RETURN_IF_ERROR(write());
    }
  }
  return block.empty() ? absl::OkStatus() : write();
}

absl::Status PendingExtent::WriteCopy(const Entry& entry, absl::Span<const std::byte> bytes) {
  if (!entry.checksum.has_value()) {
    NUMPACK_RETURN_IF_ERROR(Write(0, bytes));
  } else if (!bytes.empty()) {
    NUMPACK_RETURN_IF_ERROR(
        extent_->segment->Write(extent_->offset, absl::MakeConstSpan(&bytes, 1)));
  }
  TakeOver(entry);
  return absl::OkStatus();
}

void PendingExtent::TakeOver(const Entry& entry) {
  in_place_ = entry.in_place;
  if (!entry.checksum.has_value()) return;
  checksum_ = entry.checksum;
  summed_ = entry.length;
}

absl::StatusOr<uint32_t> PendingExtent::Checksum() {
  if (summed_ < length_) {
    NUMPACK_ASSIGN_OR_RETURN(checksum_,
                             ExtendChecksum(checksum_.value_or(0), *extent_->segment,
                                            extent_->offset + summed_, length_ - summed_));
    summed_ = length_;
  }
  return checksum_.value_or(0);
}

Transaction::~Transaction() { End(); }

void Transaction::End() {
  if (store_ == nullptr) return;
  for (auto& [name, entry] : pending_) {
    if (entry != nullptr && entry->extent != nullptr && entry->extent->named_at == 0)
      store_->Release(entry->extent);
  }
  pending_.clear();
  GiveBackGrowth();
  store_->EndTurn();
  store_.reset();
}

// An extent that somebody here has pinned keeps what it got: perhaps they read the pending bytes.
// Other processes cannot have seen those.
void Transaction::GiveBackGrowth() {
  absl::MutexLock lock(&store_->write_mu_);
  for (const Grown& grown : std::exchange(grown_, {})) {
    if (store_->shared_->pins()->IsPinned(grown.extent->number)) continue;
    store_->space_->ShrinkBack(*grown.extent, grown.capacity);
  }
}

EntryPtr Transaction::FindEntry(absl::string_view name) const {
  if (store_ == nullptr) return nullptr;
  const auto it = pending_.find(name);
  return it != pending_.end() ? it->second : store_->FindEntry(name);
}

absl::StatusOr<EntryPtr> Transaction::FindForChange(absl::string_view name) const {
  if (store_ == nullptr) return absl::FailedPreconditionError("the transaction is over");
  EntryPtr entry = FindEntry(name);
  if (entry == nullptr) return NotFound(name, *store_);
  if (store_->IsOpen(name)) {
    return absl::FailedPreconditionError(
        absl::StrCat("array '", name, "' is open in writable batch mode: end that first"));
  }
  return entry;
}

std::vector<std::string> Transaction::List(absl::Span<const PlacedName> to_come) const {
  if (store_ == nullptr) return {};
  std::map<uint64_t, std::string> by_ordinal;
  for (const std::string& name : store_->List()) {
    if (!pending_.contains(name)) by_ordinal[store_->FindEntry(name)->ordinal] = name;
  }
  for (const auto& [name, entry] : pending_) {
    if (entry != nullptr) by_ordinal[entry->ordinal] = name;
  }
  for (const PlacedName& placed : to_come) by_ordinal[placed.place] = placed.name;
  std::vector<std::string> names;
  names.reserve(by_ordinal.size());
  for (auto& [ordinal, name] : by_ordinal) names.push_back(std::move(name));
  return names;
}

absl::StatusOr<PinnedBytes> Transaction::Find(absl::string_view name) const {
  if (store_ == nullptr) return absl::FailedPreconditionError("the transaction is over");
  EntryPtr entry = FindEntry(name);
  if (entry == nullptr) return NotFound(name, *store_);
  // The turn is ours: nobody else takes an extent out of the state.
  return store_->PinEntry(std::move(entry));
}

bool Transaction::IsHeld(absl::string_view name) const {
  if (store_ == nullptr) return false;
  if (store_->IsOpen(name)) return true;
  const EntryPtr entry = store_->FindEntry(name);
  return entry != nullptr && entry->extent != nullptr && store_->IsRead(*entry->extent);
}

absl::StatusOr<PendingExtent> Transaction::Allocate(absl::string_view name, uint64_t length) {
  if (store_ == nullptr) return absl::FailedPreconditionError("the transaction is over");
  std::shared_ptr<Extent> extent;
  if (length > 0) {
    NUMPACK_ASSIGN_OR_RETURN(extent, store_->Allocate(length, /*own_pages=*/false));
  }
  PendingExtent result(store_.get(), std::move(extent), length, /*owned=*/length > 0);
  const EntryPtr before = FindEntry(name);
  if (store_->checksums() || (before != nullptr && before->checksum.has_value()))
    result.AddChecksum();
  return result;
}

absl::StatusOr<PendingExtent> Transaction::AllocateForPart(absl::string_view name,
                                                           uint64_t length) {
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent result, Allocate(name, length));
  if (const EntryPtr before = FindEntry(name); before != nullptr)
    result.in_place_ = before->in_place;
  return result;
}

absl::StatusOr<PendingExtent> Transaction::Extend(absl::string_view name, Pieces more) {
  NUMPACK_ASSIGN_OR_RETURN(const EntryPtr entry, FindForChange(name));
  const uint64_t before = entry->length;
  const std::optional<uint64_t> after = CheckedAdd(before, TotalBytes(more));
  if (!after.has_value())
    return absl::ResourceExhaustedError(absl::StrCat("array '", name, "' is too large"));
  if (entry->extent != nullptr) {
    const uint64_t capacity = entry->extent->capacity;
    NUMPACK_ASSIGN_OR_RETURN(const bool fits, store_->Grow(*entry->extent, *after));
    if (entry->extent->named_at != 0 && entry->extent->capacity > capacity) {
      grown_.push_back({entry->extent, capacity});
    }
    if (fits) {
      PendingExtent result(store_.get(), entry->extent, *after, /*owned=*/false);
      result.TakeOver(*entry);
      NUMPACK_RETURN_IF_ERROR(result.Write(before, more));
      return result;
    }
  }
  // A copy, with room for as much again: appending row by row copies each row a constant number of
  // times.
  NUMPACK_ASSIGN_OR_RETURN(
      PendingExtent result,
      Allocate(name, std::max(*after, CheckedAdd(*after, before).value_or(0))));
  result.length_ = *after;
  NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, Find(name));
  NUMPACK_ASSIGN_OR_RETURN(const SharedBytes old, pinned.View());
  NUMPACK_RETURN_IF_ERROR(result.WriteCopy(*entry, old.bytes));
  NUMPACK_RETURN_IF_ERROR(result.Write(before, more));
  return result;
}

void Transaction::SetPending(absl::string_view name, EntryPtr entry) {
  EntryPtr& slot = pending_[name];
  // What only this transaction ever named is not needed any more.
  if (slot != nullptr && slot->extent != nullptr && slot->extent->named_at == 0 &&
      (entry == nullptr || entry->extent != slot->extent)) {
    store_->Release(slot->extent);
  }
  slot = std::move(entry);
}

absl::Status Transaction::Put(absl::string_view name, PendingExtent bytes, std::string metadata,
                              uint64_t place) {
  NUMPACK_RETURN_IF_ERROR(CheckNameAndMetadata(name, metadata));
  const absl::StatusOr<EntryPtr> before = FindForChange(name);
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  auto entry = std::make_shared<Entry>();
  entry->length = bytes.length_;
  entry->in_place = bytes.in_place_;
  entry->metadata = std::move(metadata);
  if (before.ok()) {
    entry->ordinal = (*before)->ordinal;
  } else {
    entry->ordinal = place != 0 ? place : store_->NextOrdinal();
  }
  // An array that carries a checksum goes on carrying one.
  if (bytes.checksum_.has_value() || (before.ok() && (*before)->checksum.has_value())) {
    NUMPACK_ASSIGN_OR_RETURN(entry->checksum, bytes.Checksum());
  }
  entry->extent = std::move(bytes.extent_);
  SetPending(name, std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<bool> Transaction::Rewrite(absl::string_view name, absl::Span<const BytesAt> pieces,
                                          std::string metadata) {
  NUMPACK_RETURN_IF_ERROR(FindForChange(name).status());
  NUMPACK_RETURN_IF_ERROR(CheckNameAndMetadata(name, metadata));
  if (!pending_.empty()) return false;
  return store_->Rewrite(name, pieces, std::move(metadata));
}

absl::Status Transaction::Remove(absl::string_view name) {
  NUMPACK_RETURN_IF_ERROR(FindForChange(name).status());
  SetPending(name, nullptr);
  return absl::OkStatus();
}

absl::Status Transaction::Rename(absl::string_view from, absl::string_view to) {
  NUMPACK_ASSIGN_OR_RETURN(const EntryPtr entry, FindForChange(from));
  NUMPACK_RETURN_IF_ERROR(CheckNameAndMetadata(to, entry->metadata));
  if (FindEntry(to) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("array '", to, "' already exists"));
  }
  auto renamed = std::make_shared<Entry>(*entry);
  renamed->ordinal = store_->NextOrdinal();
  pending_[from] = nullptr;  // not SetPending: the extent goes on being used
  SetPending(to, std::move(renamed));
  return absl::OkStatus();
}

absl::StatusOr<PendingExtent> Transaction::CopyToOwnPages(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, Find(name));
  NUMPACK_ASSIGN_OR_RETURN(const SharedBytes old, pinned.View());
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Extent> extent,
                           store_->Allocate(pinned.length(), /*own_pages=*/true));
  PendingExtent copy(store_.get(), std::move(extent), pinned.length(), /*owned=*/true);
  NUMPACK_RETURN_IF_ERROR(copy.WriteCopy(*FindEntry(name), old.bytes));
  return copy;
}

absl::Status Transaction::Relocate(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(const EntryPtr entry, FindForChange(name));
  // Read, not mapped: a mapping would keep the file from being cut.
  std::vector<std::byte> bytes(entry->length);
  const Extent& old = *entry->extent;
  NUMPACK_RETURN_IF_ERROR(old.segment->Read(old.offset, absl::MakeSpan(bytes)));
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Extent> extent,
                           store_->Allocate(entry->length, /*own_pages=*/false));
  PendingExtent copy(store_.get(), std::move(extent), entry->length, /*owned=*/true);
  NUMPACK_RETURN_IF_ERROR(copy.WriteCopy(*entry, bytes));
  auto moved = std::make_shared<Entry>(*entry);
  moved->extent = std::move(copy.extent_);
  SetPending(name, std::move(moved));
  return absl::OkStatus();
}

absl::Status Transaction::Publish() {
  if (store_ == nullptr) return absl::FailedPreconditionError("the transaction is over");
  std::vector<std::string> removes;
  std::vector<Catalogue::Put> puts;
  for (const auto& [name, entry] : pending_) {
    const EntryPtr before = store_->FindEntry(name);
    // A name that was removed and put again has a new place in the order, so both are said.
    if (before != nullptr && (entry == nullptr || entry->ordinal != before->ordinal))
      removes.push_back(name);
    if (entry != nullptr) puts.push_back({name, entry});
  }
  if (removes.empty() && puts.empty()) return absl::OkStatus();
  std::sort(removes.begin(), removes.end());
  // Recovery gives places in the order of the record.
  std::sort(puts.begin(), puts.end(), [](const Catalogue::Put& a, const Catalogue::Put& b) {
    return a.entry->ordinal < b.entry->ordinal;
  });
  // Also when it fails: a record that did not arrive as a whole may yet turn out to be there.
  grown_.clear();
  NUMPACK_RETURN_IF_ERROR(
      NameArray(puts.empty() ? removes[0] : puts[0].name, store_->Commit(removes, puts)));
  pending_.clear();
  return absl::OkStatus();
}

absl::Status Transaction::Commit() {
  absl::Status status = Publish();
  End();
  return status;
}

}  // namespace numpack::storage
