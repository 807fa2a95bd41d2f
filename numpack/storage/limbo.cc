#include "numpack/storage/limbo.h"

#include <algorithm>
#include <utility>

namespace numpack::storage {

void Limbo::Sealed() {
  if (barriers_.size() > 1) barriers_.erase(barriers_.begin(), barriers_.end() - 1);
}

bool Limbo::MayComeBack(const Extent& extent) const {
  if (extent.named_at == 0) return false;  // never named by any state
  if (IsBroken("recycled-before-barrier")) return false;
  const auto names = [&](uint64_t barrier) {
    return extent.named_at <= barrier && barrier < extent.superseded_at;
  };
  return std::any_of(barriers_.begin(), barriers_.end(), names) ||
         (std::any_of(pending_.begin(), pending_.end(), names) &&
          !IsBroken("barrier-in-the-making-unprotected"));
}

bool Limbo::IsProtected(const Extent& extent) const {
  if (IsBroken("undo-not-recorded")) return false;
  const auto names = [&](uint64_t barrier) { return extent.named_at <= barrier; };
  return std::any_of(barriers_.begin(), barriers_.end(), names) ||
         std::any_of(pending_.begin(), pending_.end(), names);
}

uint64_t Limbo::NewestState() const {
  uint64_t newest = 0;
  for (const auto* states : {&barriers_, &pending_})
    for (const uint64_t state : *states) newest = std::max(newest, state);
  return newest;
}

bool Limbo::Add(std::shared_ptr<Extent> extent, IsPinned pinned) {
  if (!MayComeBack(*extent) && !pinned(*extent)) return false;
  waiting_.push_back(std::move(extent));
  return true;
}

std::vector<std::shared_ptr<Extent>> Limbo::CollectSome(size_t limit, IsPinned pinned) {
  std::vector<std::shared_ptr<Extent>> result;
  for (limit = std::min(limit, waiting_.size()); limit > 0; --limit) {
    if (next_ >= waiting_.size()) next_ = 0;
    std::shared_ptr<Extent>& extent = waiting_[next_];
    if (MayComeBack(*extent) || pinned(*extent)) {
      ++next_;
      continue;
    }
    result.push_back(std::move(extent));
    extent = std::move(waiting_.back());
    waiting_.pop_back();
  }
  return result;
}

std::vector<std::shared_ptr<Extent>> Limbo::TakeReplacedBy(const Extent& extent) {
  const auto stays = [&](const std::shared_ptr<Extent>& other) {
    const bool overlaps = other->segment_number == extent.segment_number &&
                          (other->own_segment || extent.own_segment ||
                           (other->offset < extent.offset + extent.capacity &&
                            extent.offset < other->offset + other->capacity));
    return other->number != extent.number && !overlaps;
  };
  const auto replaced = std::partition(waiting_.begin(), waiting_.end(), stays);
  std::vector<std::shared_ptr<Extent>> result(std::make_move_iterator(replaced),
                                              std::make_move_iterator(waiting_.end()));
  waiting_.erase(replaced, waiting_.end());
  return result;
}

void Limbo::Drop(absl::FunctionRef<bool(Extent&)> which) {
  waiting_.erase(
      std::remove_if(waiting_.begin(), waiting_.end(),
                     [&](const std::shared_ptr<Extent>& extent) { return which(*extent); }),
      waiting_.end());
}

uint64_t Limbo::bytes() const {
  uint64_t sum = 0;
  for (const auto& extent : waiting_) sum += extent->capacity;
  return sum;
}

}  // namespace numpack::storage
