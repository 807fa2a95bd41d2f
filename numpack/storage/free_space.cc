#include "numpack/storage/free_space.h"

#include <iterator>
#include <vector>

namespace numpack::storage {

void FreeSpace::Insert(const Range& range) {
  if (range.length == 0) return;
  by_place_.emplace(Place(range.segment, range.offset), range.length);
  if (!IsAside(range.segment)) by_length_.emplace(range.length, range.segment, range.offset);
  bytes_ += range.length;
}

void FreeSpace::Erase(const Range& range) {
  by_place_.erase(Place(range.segment, range.offset));
  by_length_.erase(Sized(range.length, range.segment, range.offset));
  bytes_ -= range.length;
}

void FreeSpace::Add(const Range& range) {
  Range whole = range;
  auto next = by_place_.lower_bound(Place(range.segment, range.offset));
  if (next != by_place_.end() && next->first == Place(range.segment, range.offset + range.length)) {
    const Range after = {range.segment, next->first.second, next->second};
    whole.length += after.length;
    Erase(after);
  }
  next = by_place_.lower_bound(Place(range.segment, range.offset));
  if (next != by_place_.begin()) {
    const auto previous = std::prev(next);
    const Range before = {previous->first.first, previous->first.second, previous->second};
    if (before.segment == range.segment && before.offset + before.length == range.offset) {
      whole.offset = before.offset;
      whole.length += before.length;
      Erase(before);
    }
  }
  Insert(whole);
}

std::optional<FreeSpace::Range> FreeSpace::Take(uint64_t length, uint64_t alignment) {
  for (auto it = by_length_.lower_bound(Sized(length, 0, 0)); it != by_length_.end(); ++it) {
    const auto [free_length, segment, offset] = *it;
    const uint64_t start = (offset + alignment - 1) & ~(alignment - 1);
    const uint64_t skipped = start - offset;
    if (free_length < skipped + length) continue;  // too short once aligned
    Erase({segment, offset, free_length});
    Insert({segment, offset, skipped});
    Insert({segment, start + length, free_length - skipped - length});
    return Range{segment, start, length};
  }
  return std::nullopt;
}

void FreeSpace::Remove(const Range& range) {
  const uint64_t end = range.offset + range.length;
  auto it = by_place_.lower_bound(Place(range.segment, range.offset));
  if (it != by_place_.begin()) --it;  // may reach into the range
  std::vector<Range> touched;
  for (; it != by_place_.end() && it->first < Place(range.segment, end); ++it) {
    const Range free = {it->first.first, it->first.second, it->second};
    if (free.segment == range.segment && free.offset + free.length > range.offset)
      touched.push_back(free);
  }
  for (const Range& free : touched) {
    Erase(free);
    if (free.offset < range.offset) Insert({free.segment, free.offset, range.offset - free.offset});
    if (free.offset + free.length > end)
      Insert({free.segment, end, free.offset + free.length - end});
  }
}

void FreeSpace::SetAside(uint32_t segment) {
  if (!aside_.insert(segment).second) return;
  for (auto it = by_place_.lower_bound(Place(segment, 0));
       it != by_place_.end() && it->first.first == segment; ++it) {
    by_length_.erase(Sized(it->second, segment, it->first.second));
  }
}

void FreeSpace::PutBack() {
  for (const uint32_t segment : aside_) {
    for (auto it = by_place_.lower_bound(Place(segment, 0));
         it != by_place_.end() && it->first.first == segment; ++it) {
      by_length_.emplace(it->second, segment, it->first.second);
    }
  }
  aside_.clear();
}

std::optional<FreeSpace::Range> FreeSpace::TakeTail(uint32_t segment, uint64_t end) {
  auto next = by_place_.lower_bound(Place(segment, end));
  if (next == by_place_.begin()) return std::nullopt;
  const auto last = std::prev(next);
  const Range range = {last->first.first, last->first.second, last->second};
  if (range.segment != segment || range.offset + range.length != end) return std::nullopt;
  Erase(range);
  return range;
}

}  // namespace numpack::storage
