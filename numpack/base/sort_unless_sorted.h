// Sorting what mostly is sorted already.
#ifndef NUMPACK_BASE_SORT_UNLESS_SORTED_H_
#define NUMPACK_BASE_SORT_UNLESS_SORTED_H_

#include <algorithm>

namespace numpack {

// As std::sort of the whole container, but in one pass where its items are in order: extents come
// so from a log that was written from the front to the back, and a hundred thousand take longer to
// sort than to look at.
template <typename Container, typename Less>
void SortUnlessSorted(Container& items, const Less& less) {
  if (!std::is_sorted(items.begin(), items.end(), less))
    std::sort(items.begin(), items.end(), less);
}

}  // namespace numpack

#endif  // NUMPACK_BASE_SORT_UNLESS_SORTED_H_
