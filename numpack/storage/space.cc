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
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

// From here on a packed extent has pages of its own from the start; below, that would waste too
// much.
constexpr uint64_t kOwnPagesFrom = uint64_t{32} << 10;

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

absl::Status Space::Adopt(const std::vector<std::shared_ptr<Extent>>& used) {
  absl::btree_map<uint32_t, std::vector<const Extent*>> packed;
  absl::btree_set<uint64_t> numbers;
  for (const std::shared_ptr<Extent>& extent : used) {
    segments_[extent->segment_number] = extent->segment;
    numbers.insert(extent->number);
    if (extent->own_segment) {
      own_bytes_ += extent->capacity;
    } else {
      packed[extent->segment_number].push_back(extent.get());
    }
  }
  // A gap between used numbers may be as wide as a hostile log likes; only short ones are worth
  // filling.
  next_number_ = numbers.empty() ? 1 : *numbers.rbegin() + 1;
  if (next_number_ <= 2 * numbers.size() + 64) {
    for (uint64_t n = 1; n < next_number_; ++n) {
      if (!numbers.contains(n)) free_numbers_.insert(n);
    }
  }
  for (auto& [number, extents] : packed) {
    std::sort(extents.begin(), extents.end(),
              [](const Extent* a, const Extent* b) { return a->offset < b->offset; });
    uint64_t at = 0;
    for (const Extent* extent : extents) {
      free_.Add({number, at, extent->offset - at});
      at = extent->offset + extent->capacity;
    }
    const uint64_t size = segments_[number]->size();
    free_.Add({number, at, size - at});
    if (size < kPackedSegmentBytes) growing_ = number;
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  for (const std::string& name : files) {
    const std::optional<uint32_t> number = ParseSegmentFileName(name);
    if (number.has_value() && !segments_.contains(*number))
      NUMPACK_RETURN_IF_ERROR(backend_->Remove(name));
  }
  return absl::OkStatus();
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
  auto extent =
      std::make_shared<Extent>(number, segment->number(), offset, capacity, own_segment, releases_);
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
  return MakeExtent(segments_[range->segment], range->offset, range->length, /*own_segment=*/false);
}

absl::Status Space::GrowPacked(uint64_t bytes) {
  if (growing_ == 0 || segments_[growing_]->size() >= kPackedSegmentBytes) {
    NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, NewSegment());
    growing_ = segment->number();
  }
  Segment& segment = *segments_[growing_];
  const uint64_t before = segment.size();
  // Room for any alignment; when a full step does not fit on the disk, what is needed may.
  const uint64_t needed = bytes + kPageBytes;
  const uint64_t step = std::max(needed, std::clamp(before, kMinGrowth, kMaxGrowth));
  absl::Status status = segment.Reserve(before + step);
  if (absl::IsResourceExhausted(status) && step > needed) status = segment.Reserve(before + needed);
  NUMPACK_RETURN_IF_ERROR(status);
  free_.Add({growing_, before, segment.size() - before});
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Segment>> Space::NewSegment() {
  const uint32_t number = segments_.empty() ? 1 : segments_.rbegin()->first + 1;
  if (number == 0) return absl::ResourceExhaustedError("no segment numbers left");
  auto segment = Segment::Open(*backend_, number, OpenMode::kCreateNew);
  if (absl::IsAlreadyExists(segment.status())) {
    // Left behind by a removal that failed; no state names it.
    NUMPACK_RETURN_IF_ERROR(backend_->Remove(Segment::FileName(number)));
    segment = Segment::Open(*backend_, number, OpenMode::kCreateNew);
  }
  if (!segment.ok()) return segment.status();
  segments_[number] = *segment;
  directory_changed_ = true;
  return segment;
}

absl::StatusOr<std::shared_ptr<Extent>> Space::AllocateOwn(uint64_t bytes) {
  // A spare segment up to twice as large will do; larger ones wait for larger arrays.
  const auto spare = spares_.lower_bound(bytes);
  if (spare != spares_.end() && spare->first / 2 <= bytes) {
    const uint32_t number = spare->second.back();
    const uint64_t size = spare->first;
    spare->second.pop_back();
    if (spare->second.empty()) spares_.erase(spare);
    spare_bytes_ -= size;
    own_bytes_ += size;
    return MakeExtent(segments_[number], 0, size, /*own_segment=*/true);
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, NewSegment());
  absl::Status status = segment->Reserve(bytes);
  if (absl::IsResourceExhausted(status) && !spares_.empty()) {
    DropSpares(0);
    status = segment->Reserve(bytes);
  }
  if (!status.ok()) {
    RemoveSegment(segment->number()).IgnoreError();  // the first error is the one to report
    return status;
  }
  own_bytes_ += bytes;
  return MakeExtent(segment, 0, bytes, /*own_segment=*/true);
}

absl::StatusOr<bool> Space::Grow(Extent& extent, uint64_t bytes) {
  if (bytes <= extent.capacity) return true;
  if (!extent.own_segment) return false;
  // Half as much again, so that appending row by row costs a constant per row; bounded for huge
  // arrays.
  constexpr uint64_t kMaxSlack = uint64_t{256} << 20;
  const std::optional<uint64_t> roomy =
      CheckedRoundUp(bytes + std::min(extent.capacity / 2, kMaxSlack), kPageBytes);
  const std::optional<uint64_t> exact = CheckedRoundUp(bytes, kPageBytes);
  if (!roomy.has_value() || !exact.has_value() || *roomy < bytes) return TooLarge(bytes);
  absl::Status status = extent.segment->Reserve(*roomy);
  if (absl::IsResourceExhausted(status)) status = extent.segment->Reserve(*exact);
  NUMPACK_RETURN_IF_ERROR(status);
  own_bytes_ += extent.segment->size() - extent.capacity;
  extent.capacity = extent.segment->size();
  return true;
}

void Space::Free(const Extent& extent) {
  free_numbers_.insert(extent.number);
  if (!extent.own_segment) {
    free_.Add({extent.segment_number, extent.offset, extent.capacity});
    return;
  }
  own_bytes_ -= extent.capacity;
  // By the file's size: it may be larger than what the log knows of, after an append that was never
  // committed.
  const uint64_t size = extent.segment->size();
  spares_[size].push_back(extent.segment_number);
  spare_bytes_ += size;
  DropSpares(std::max(kKeptSpareBytes, own_bytes_));
}

void Space::DropSpares(uint64_t keep_bytes) {
  while (spare_bytes_ > keep_bytes && !spares_.empty()) {
    const auto largest = std::prev(spares_.end());
    const uint32_t number = largest->second.back();
    spare_bytes_ -= largest->first;
    largest->second.pop_back();
    if (largest->second.empty()) spares_.erase(largest);
    // A file that cannot be removed is only lost space; the next open tries again.
    RemoveSegment(number).IgnoreError();
  }
}

absl::Status Space::RemoveSegment(uint32_t number) {
  segments_.erase(number);
  return backend_->Remove(Segment::FileName(number));
}

absl::Status Space::Trim() {
  DropSpares(0);
  std::vector<uint32_t> empty;
  for (const auto& [number, segment] : segments_) {
    const std::optional<FreeSpace::Range> tail = free_.TakeTail(number, segment->size());
    if (!tail.has_value()) continue;
    if (tail->offset == 0) {
      empty.push_back(number);
      continue;
    }
    // Reading the last used bytes through a mapping must not end at a page that is gone.
    const uint64_t end =
        std::min(segment->size(), (tail->offset + kPageBytes - 1) & ~(kPageBytes - 1));
    NUMPACK_ASSIGN_OR_RETURN(const bool shrunk, segment->Shrink(end));
    free_.Add({number, tail->offset, (shrunk ? end : segment->size()) - tail->offset});
  }
  for (const uint32_t number : empty) {
    if (growing_ == number) growing_ = 0;
    NUMPACK_RETURN_IF_ERROR(RemoveSegment(number));
  }
  return absl::OkStatus();
}

absl::Status Space::Sync() {
  for (const auto& [number, segment] : segments_) NUMPACK_RETURN_IF_ERROR(segment->Sync());
  if (directory_changed_) NUMPACK_RETURN_IF_ERROR(backend_->SyncDirectory());
  directory_changed_ = false;
  return absl::OkStatus();
}

}  // namespace numpack::storage
