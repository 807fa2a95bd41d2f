#include "numpack/storage/space.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/sort_unless_sorted.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/mutation.h"

namespace numpack::storage {
namespace {

// Packed segments grow by as much as they have, within these bounds, and up to a size.
constexpr uint64_t kMinGrowth = uint64_t{1} << 20;
constexpr uint64_t kMaxGrowth = uint64_t{16} << 20;
constexpr uint64_t kPackedSegmentBytes = uint64_t{64} << 20;

// Whole free segments are kept while they are not more than what is in use, or than this.
constexpr uint64_t kKeptSpareBytes = uint64_t{64} << 20;

absl::Status TooLarge(uint64_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat("an array of ", bytes, " bytes is too large"));
}

std::optional<uint32_t> ParseSegmentFileName(absl::string_view name) {
  uint32_t number = 0;
  if (!absl::ConsumePrefix(&name, "segment.") || !absl::SimpleAtoi(name, &number))
    return std::nullopt;
  if (number == 0 || absl::StrCat(number) != name) return std::nullopt;
  return number;
}

}  // namespace

absl::Status Space::Adopt(const std::vector<std::shared_ptr<Extent>>& used, bool alone,
                          bool unsynced) {
  directory_changed_ = unsynced;
  absl::btree_map<uint32_t, std::vector<const Extent*>> packed;
  std::vector<uint64_t> numbers;
  numbers.reserve(used.size());
  for (const std::shared_ptr<Extent>& extent : used) {
    segments_[extent->segment_number] = {extent->segment, !extent->own_segment, 0};
    if (unsynced) extent->segment->MarkDirty();
    numbers.push_back(extent->number);
    if (extent->own_segment) {
      SetOwnBytes(segments_[extent->segment_number], extent->capacity);
    } else {
      packed[extent->segment_number].push_back(extent.get());
    }
  }
  // A gap between used numbers may be as wide as a hostile log likes; only short ones are worth
  // filling.
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  next_number_ = numbers.empty() ? 1 : numbers.back() + 1;
  if (next_number_ <= 2 * numbers.size() + 64) {
    uint64_t free = 1;
    for (const uint64_t number : numbers) {
      for (; free < number; ++free) free_numbers_.insert(free);
      free = number + 1;
    }
  }
  for (auto& [number, extents] : packed) {
    const auto before = [](const Extent* a, const Extent* b) { return a->offset < b->offset; };
    SortUnlessSorted(extents, before);
    uint64_t at = 0;
    for (const Extent* extent : extents) {
      free_.Add({number, at, extent->offset - at});
      at = extent->offset + extent->capacity;
    }
    segments_[number].accounted = at;
  }
  if (alone) {
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
    for (const std::string& name : files) {
      const std::optional<uint32_t> number = ParseSegmentFileName(name);
      if (number.has_value() && !segments_.contains(*number))
        NUMPACK_RETURN_IF_ERROR(backend_->Remove(name));
    }
    if (!segments_.empty()) shared_.NoteSegment(segments_.rbegin()->first);
  }
  return Refresh();
}

absl::Status Space::Refresh() {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  absl::flat_hash_set<uint32_t> present;
  for (const std::string& name : files) {
    const std::optional<uint32_t> number = ParseSegmentFileName(name);
    if (!number.has_value()) continue;
    present.insert(*number);
    if (!segments_.contains(*number)) {
      // Spare to the process that made it, and so to everybody.
      NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, table_.Open(*number));
      segments_[*number] = {segment, /*packed=*/false, 0};
      AddSpare(*segment);
    }
  }
  // Spares are taken anew: some are gone, others have another size.
  std::vector<uint32_t> spares;
  for (const auto& [size, numbers] : spares_)
    spares.insert(spares.end(), numbers.begin(), numbers.end());
  spares_.clear();
  spare_bytes_ = 0;
  for (const uint32_t number : spares) {
    if (!present.contains(number)) continue;
    Segment& segment = *segments_[number].segment;
    NUMPACK_RETURN_IF_ERROR(segment.RefreshSize());
    AddSpare(segment);
  }
  for (auto it = segments_.begin(); it != segments_.end();) {
    Held& held = it->second;
    if (!present.contains(it->first)) {
      Empty(it->first, held);
      it = segments_.erase(it);
      continue;
    }
    if (held.packed) {
      NUMPACK_RETURN_IF_ERROR(held.segment->RefreshSize());
      NoteGrowth(*held.segment);
      if (held.segment->size() < kPackedSegmentBytes && !free_.IsAside(it->first))
        growing_ = it->first;
    }
    ++it;
  }
  return absl::OkStatus();
}

void Space::SetOwnBytes(Held& held, uint64_t bytes) {
  own_bytes_ += bytes - held.accounted;
  held.accounted = bytes;
}

void Space::Empty(uint32_t number, Held& held) {
  if (!held.packed) return SetOwnBytes(held, 0);
  free_.Remove({number, 0, held.accounted});
  held.accounted = 0;
  if (growing_ == number) growing_ = 0;
}

void Space::AddSpare(const Segment& segment) {
  spares_[segment.size()].push_back(segment.number());
  spare_bytes_ += segment.size();
}

void Space::TakeSpare(uint32_t number) {
  for (auto spare = spares_.begin(); spare != spares_.end(); ++spare) {
    std::vector<uint32_t>& numbers = spare->second;
    const auto found = std::find(numbers.begin(), numbers.end(), number);
    if (found == numbers.end()) continue;
    spare_bytes_ -= spare->first;
    numbers.erase(found);
    if (numbers.empty()) spares_.erase(spare);
    return;
  }
}

void Space::NoteGrowth(Segment& segment) {
  uint64_t& accounted = segments_[segment.number()].accounted;
  const uint64_t size = segment.size();
  if (size < accounted) {
    free_.Remove({segment.number(), size, accounted - size});
  } else if (size > accounted) {
    free_.Add({segment.number(), accounted, size - accounted});
  }
  accounted = size;
}

absl::Status Space::Claim(const std::shared_ptr<Extent>& extent) {
  free_numbers_.erase(extent->number);
  if (extent->number >= next_number_) {
    for (; next_number_ < extent->number && free_numbers_.size() < 65536; ++next_number_)
      free_numbers_.insert(next_number_);
    next_number_ = extent->number + 1;
  }
  Held& held = segments_[extent->segment_number];
  if (held.segment == nullptr) {
    absl::StatusOr<std::shared_ptr<Segment>> segment = table_.Open(extent->segment_number);
    if (!segment.ok()) {
      segments_.erase(extent->segment_number);
      // The file has gone with the extent: whoever did that has noted it, see Refresh.
      return absl::IsNotFound(segment.status()) ? absl::OkStatus() : segment.status();
    }
    held.segment = *std::move(segment);
    directory_changed_ = true;
  }
  held.segment->MarkDirty();
  // A segment that is free as a whole serves either kind, and whoever took it may have known it as
  // one of the other.
  if (held.accounted == 0) TakeSpare(extent->segment_number);
  if (held.packed == extent->own_segment) Empty(extent->segment_number, held);
  held.packed = !extent->own_segment;
  if (extent->own_segment) {
    SetOwnBytes(held, extent->capacity);
    return absl::OkStatus();
  }
  if (held.accounted < extent->offset + extent->capacity) {
    NUMPACK_RETURN_IF_ERROR(held.segment->RefreshSize());
    NoteGrowth(*held.segment);
    // Superseded and cut off since, perhaps; then Refresh finds the file shorter than this.
    held.accounted = std::max(held.accounted, extent->offset + extent->capacity);
  }
  free_.Remove({extent->segment_number, extent->offset, extent->capacity});
  return absl::OkStatus();
}

std::optional<uint64_t> Space::CapacityFor(uint64_t bytes) {
  return CheckedRoundUp(bytes, bytes >= kOwnPagesFrom ? kPageBytes : kExtentAlignment);
}

absl::StatusOr<std::shared_ptr<Extent>> Space::Allocate(uint64_t bytes, bool own_pages) {
  const bool pages = own_pages || bytes >= kOwnPagesFrom;
  const uint64_t alignment = pages ? kPageBytes : kExtentAlignment;
  const std::optional<uint64_t> capacity = CheckedRoundUp(bytes, alignment);
  if (!capacity.has_value()) return TooLarge(bytes);
  return *capacity <= kPackedBytes ? AllocatePacked(*capacity, alignment) : AllocateOwn(*capacity);
}

std::shared_ptr<Extent> Space::MakeExtent(const std::shared_ptr<Segment>& segment, uint64_t offset,
                                          uint64_t capacity, bool own_segment) {
  uint64_t number = next_number_;
  if (free_numbers_.empty()) {
    ++next_number_;
  } else {
    number = *free_numbers_.begin();
    free_numbers_.erase(free_numbers_.begin());
  }
  auto extent = std::make_shared<Extent>(number, segment->number(), offset, capacity, own_segment,
                                         shared_.pins());
  extent->segment = segment;
  return extent;
}

absl::StatusOr<std::shared_ptr<Extent>> Space::AllocatePacked(uint64_t bytes, uint64_t alignment) {
  std::optional<FreeSpace::Range> range = free_.Take(bytes, alignment);
  if (!range.has_value()) {
    NUMPACK_RETURN_IF_ERROR(GrowPacked(bytes));
    range = free_.Take(bytes, alignment);
    if (!range.has_value()) return absl::InternalError("no room in a segment that was just grown");
  }
  return MakeExtent(segments_[range->segment].segment, range->offset, range->length,
                    /*own_segment=*/false);
}

absl::Status Space::GrowPacked(uint64_t bytes) {
  if (growing_ == 0 || segments_[growing_].segment->size() >= kPackedSegmentBytes) {
    NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, NewSegment());
    growing_ = segment->number();
    segments_[growing_].packed = true;
  }
  Segment& segment = *segments_[growing_].segment;
  const uint64_t before = segment.size();
  // Room for any alignment; when a full step does not fit on the disk, what is needed may.
  const uint64_t needed = bytes + kPageBytes;
  const uint64_t step = std::max(needed, std::clamp(before, kMinGrowth, kMaxGrowth));
  shared_.NoteSegmentChange();
  absl::Status status = segment.Reserve(before + step);
  if (absl::IsResourceExhausted(status)) {
    DropSpares(0);
    status = segment.Reserve(before + needed);
  }
  NUMPACK_RETURN_IF_ERROR(status);
  NoteGrowth(segment);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Segment>> Space::NewSegment() {
  const uint32_t number = shared_.NextSegment();
  if (number == 0) return absl::ResourceExhaustedError("no segment numbers left");
  shared_.NoteSegmentChange();
  auto segment = table_.Create(number);
  if (absl::IsAlreadyExists(segment.status())) {
    // Left behind by a removal that failed; no state names it.
    NUMPACK_RETURN_IF_ERROR(backend_->Remove(Segment::FileName(number)));
    segment = table_.Create(number);
  }
  if (!segment.ok()) return segment.status();
  segments_[number] = {*segment, /*packed=*/false, 0};
  directory_changed_ = true;
  return segment;
}

absl::StatusOr<std::shared_ptr<Extent>> Space::AllocateOwn(uint64_t bytes) {
  // A spare segment up to twice as large will do; larger ones wait for larger arrays.
  const auto spare = spares_.lower_bound(bytes);
  if (spare != spares_.end() && spare->first / 2 <= bytes) {
    const uint32_t number = spare->second.back();
    const uint64_t size = spare->first;
    TakeSpare(number);
    Held& held = segments_[number];
    SetOwnBytes(held, size);
    return MakeExtent(held.segment, 0, size, /*own_segment=*/true);
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, NewSegment());
  absl::Status status = segment->Reserve(bytes);  // NewSegment has noted the change
  if (absl::IsResourceExhausted(status) && !spares_.empty()) {
    DropSpares(0);
    status = segment->Reserve(bytes);
  }
  if (!status.ok()) {
    RemoveSegment(segment->number()).IgnoreError();  // the first error is the one to report
    return status;
  }
  SetOwnBytes(segments_[segment->number()], bytes);
  return MakeExtent(segment, 0, bytes, /*own_segment=*/true);
}

absl::StatusOr<bool> Space::Grow(Extent& extent, uint64_t bytes) {
  if (bytes <= extent.capacity) return true;
  if (!extent.own_segment) return false;
  // Another process may have cut the file.
  NUMPACK_RETURN_IF_ERROR(extent.segment->RefreshSize());
  // Half as much again, so that appending row by row costs a constant per row; bounded for huge
  // arrays.
  constexpr uint64_t kMaxSlack = uint64_t{256} << 20;
  const std::optional<uint64_t> roomy =
      CheckedRoundUp(bytes + std::min(extent.capacity / 2, kMaxSlack), kPageBytes);
  const std::optional<uint64_t> exact = CheckedRoundUp(bytes, kPageBytes);
  if (!roomy.has_value() || !exact.has_value() || *roomy < bytes) return TooLarge(bytes);
  shared_.NoteSegmentChange();
  absl::Status status = extent.segment->Reserve(*roomy);
  if (absl::IsResourceExhausted(status)) {
    DropSpares(0);
    status = extent.segment->Reserve(*exact);
  }
  NUMPACK_RETURN_IF_ERROR(status);
  SetOwnCapacity(extent, extent.segment->size());
  return true;
}

void Space::ShrinkBack(Extent& extent, uint64_t capacity) {
  if (!segments_.contains(extent.segment_number) || capacity >= extent.capacity) return;
  shared_.NoteSegmentChange();
  const absl::StatusOr<bool> shrunk = extent.segment->Shrink(capacity);
  if (!shrunk.ok() || !*shrunk) return;  // somebody has the file mapped that far
  SetOwnCapacity(extent, capacity);
}

void Space::Free(const Extent& extent) {
  free_numbers_.insert(extent.number);
  const auto held = segments_.find(extent.segment_number);
  if (held == segments_.end()) return;  // another process has given the file up
  if (!extent.own_segment) {
    const uint64_t end = std::min(extent.offset + extent.capacity, held->second.accounted);
    if (extent.offset < end) free_.Add({extent.segment_number, extent.offset, end - extent.offset});
    return;
  }
  SetOwnBytes(held->second, 0);
  // By the file's size: it may be larger than what the log knows of, after an append that was never
  // committed. Another process may have cut it since this one looked.
  Segment& segment = *held->second.segment;
  segment.RefreshSize().IgnoreError();
  AddSpare(segment);
}

void Space::DropExcessSpares() { DropSpares(std::max(kKeptSpareBytes, own_bytes_)); }

bool Space::IsCut(const Extent& extent) const {
  const auto held = segments_.find(extent.segment_number);
  return held == segments_.end() ||
         (!extent.own_segment && extent.offset + extent.capacity > held->second.accounted);
}

void Space::DropSpares(uint64_t keep_bytes) {
  while (spare_bytes_ > keep_bytes && !spares_.empty()) {
    const auto largest = std::prev(spares_.end());
    const uint32_t number = largest->second.back();
    TakeSpare(number);
    // A file that cannot be removed is only lost space; the next open tries again.
    RemoveSegment(number).IgnoreError();
  }
}

absl::Status Space::RemoveSegment(uint32_t number) {
  segments_.erase(number);
  shared_.NoteSegmentChange();
  return backend_->Remove(Segment::FileName(number));
}

absl::Status Space::Trim() {
  DropSpares(0);
  std::vector<uint32_t> empty;
  for (auto& [number, held] : segments_) {
    if (!held.packed) continue;
    const std::optional<FreeSpace::Range> tail = free_.TakeTail(number, held.accounted);
    if (!tail.has_value()) continue;
    if (tail->offset == 0) {
      empty.push_back(number);
      continue;
    }
    // Reading the last used bytes through a mapping must not end at a page that is gone.
    const uint64_t end =
        std::min(held.accounted, (tail->offset + kPageBytes - 1) & ~(kPageBytes - 1));
    shared_.NoteSegmentChange();
    held.accounted = tail->offset;
    const absl::Status status = held.segment->Shrink(end).status();
    NoteGrowth(*held.segment);
    NUMPACK_RETURN_IF_ERROR(status);
  }
  for (const uint32_t number : empty) {
    if (growing_ == number) growing_ = 0;
    NUMPACK_RETURN_IF_ERROR(RemoveSegment(number));
  }
  return absl::OkStatus();
}

void Space::SetAside(uint32_t segment) {
  free_.SetAside(segment);
  if (growing_ == segment) growing_ = 0;
}

void Space::PutBack() {
  free_.PutBack();
  for (auto it = segments_.begin(); growing_ == 0 && it != segments_.end(); ++it) {
    if (it->second.packed && it->second.segment->size() < kPackedSegmentBytes) growing_ = it->first;
  }
}

void Space::SetOwnCapacity(Extent& extent, uint64_t capacity) {
  const auto held = segments_.find(extent.segment_number);
  if (held != segments_.end()) SetOwnBytes(held->second, capacity);
  extent.capacity = capacity;
}

absl::StatusOr<bool> Space::CutOwn(const Extent& extent, uint64_t size) {
  shared_.NoteSegmentChange();
  return extent.segment->Shrink(size);
}

Space::Unsynced Space::TakeUnsynced() {
  Unsynced unsynced;
  for (const auto& [number, held] : segments_) {
    if (held.segment->dirty()) unsynced.segments.push_back(held.segment);
  }
  unsynced.directory = std::exchange(directory_changed_, false);
  return unsynced;
}

absl::Status SyncAll(Backend& backend, const Space::Unsynced& unsynced) {
  for (const std::shared_ptr<Segment>& segment : unsynced.segments)
    NUMPACK_RETURN_IF_ERROR(segment->Sync());
  if (IsBroken("directory-not-synced")) return absl::OkStatus();
  return unsynced.directory ? backend.SyncDirectory() : absl::OkStatus();
}

}  // namespace numpack::storage
