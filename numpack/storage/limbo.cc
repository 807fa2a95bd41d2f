#include "numpack/storage/limbo.h"

#include <algorithm>
#include <utility>

namespace numpack::storage {

void Limbo::Sealed() {
  if (barriers_.size() > 1) barriers_.erase(barriers_.begin(), barriers_.end() - 1);
}

bool Limbo::MayComeBack(const Extent& extent) const {
  if (extent.named_at == 0) return false;  // never named by any state
  return std::any_of(barriers_.begin(), barriers_.end(), [&](uint64_t barrier) {
    return extent.named_at <= barrier && barrier < extent.superseded_at;
  });
}

bool Limbo::Add(std::shared_ptr<Extent> extent) {
  extent->EnterLimbo();
  if (!MustWait(*extent)) return false;
  waiting_.push_back(std::move(extent));
  return true;
}

std::vector<std::shared_ptr<Extent>> Limbo::Collect() {
  const auto freed =
      std::partition(waiting_.begin(), waiting_.end(),
                     [&](const std::shared_ptr<Extent>& extent) { return MustWait(*extent); });
  std::vector<std::shared_ptr<Extent>> result(std::make_move_iterator(freed),
                                              std::make_move_iterator(waiting_.end()));
  waiting_.erase(freed, waiting_.end());
  return result;
}

uint64_t Limbo::bytes() const {
  uint64_t sum = 0;
  for (const auto& extent : waiting_) sum += extent->capacity;
  return sum;
}

}  // namespace numpack::storage
