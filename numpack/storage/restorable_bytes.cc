#include "numpack/storage/restorable_bytes.h"

#include <algorithm>
#include <iterator>

#include "numpack/storage/mutation.h"

namespace numpack::storage {

void RestorableBytes::SetState(uint64_t state) {
  if (state == state_ || IsBroken("undo-of-older-state-trusted")) return;
  state_ = state;
  extents_.clear();
  last_extent_ = 0;
}

bool RestorableBytes::Contains(uint64_t extent, uint64_t begin, uint64_t end) const {
  const auto found = extents_.find(extent);
  if (found == extents_.end()) return false;
  const Ranges& ranges = found->second;
  const auto behind = ranges.upper_bound(begin);
  return behind != ranges.begin() && end <= std::prev(behind)->second;
}

bool RestorableBytes::LastIsNear(uint64_t extent, uint64_t offset, uint64_t distance) const {
  return last_extent_ == extent && last_begin_ <= offset + distance &&
         offset <= last_end_ + distance;
}

void RestorableBytes::Add(uint64_t extent, uint64_t begin, uint64_t end) {
  last_extent_ = extent;
  last_begin_ = begin;
  last_end_ = end;
  Ranges& ranges = extents_[extent];
  auto first = ranges.upper_bound(begin);
  if (first != ranges.begin() && std::prev(first)->second >= begin) --first;
  auto last = first;
  for (; last != ranges.end() && last->first <= end; ++last) {
    begin = std::min(begin, last->first);
    end = std::max(end, last->second);
  }
  ranges.erase(first, last);
  ranges[begin] = end;
}

}  // namespace numpack::storage
