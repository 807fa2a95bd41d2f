#include "numpack/storage/catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"

namespace numpack::storage {

Catalogue Catalogue::Clone() const {
  Catalogue clone;
  clone.by_name_ = by_name_;
  for (const Item& item : clone.by_name_) clone.by_ordinal_[item.second->ordinal] = &item;
  clone.extents_ = extents_;
  clone.next_ordinal_ = next_ordinal_;
  return clone;
}

EntryPtr Catalogue::Find(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::shared_ptr<Extent> Catalogue::FindExtent(uint64_t number) const {
  const auto it = extents_.find(number);
  return it == extents_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Extent>> Catalogue::Apply(absl::Span<const std::string> removes,
                                                      absl::Span<const Put> puts,
                                                      uint64_t generation) {
  std::vector<std::shared_ptr<Extent>> dropped;
  const auto drop = [&](const EntryPtr& entry) {
    if (entry->extent != nullptr) dropped.push_back(entry->extent);
  };
  for (const std::string& name : removes) {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) continue;
    drop(it->second);
    by_ordinal_.erase(it->second->ordinal);
    by_name_.erase(it);
  }
  absl::InlinedVector<const Item*, 4> touched;
  touched.reserve(puts.size());
  by_name_.reserve(by_name_.size() + puts.size());
  for (const Put& put : puts) {
    Item& item = *by_name_.try_emplace(put.name).first;
    EntryPtr& slot = item.second;
    if (slot != nullptr) drop(slot);
    // As a rule an array keeps its place.
    if (slot == nullptr || slot->ordinal != put.entry->ordinal) {
      if (slot != nullptr) by_ordinal_.erase(slot->ordinal);
      by_ordinal_[put.entry->ordinal] = &item;
    }
    slot = put.entry;
    touched.push_back(&item);
    next_ordinal_ = std::max(next_ordinal_, put.entry->ordinal + 1);
    if (put.entry->extent != nullptr && put.entry->extent->named_at == 0) {
      put.entry->extent->named_at = generation;
    }
  }
  // An extent that was appended to, or whose array was renamed, is named again by the same commit.
  absl::flat_hash_set<const Extent*> kept;
  kept.reserve(touched.size());
  extents_.reserve(extents_.size() + touched.size());
  for (const Item* item : touched) {
    const std::shared_ptr<Extent>& extent = item->second->extent;
    if (extent == nullptr) continue;
    kept.insert(extent.get());
    extents_[extent->number] = extent;
  }
  std::vector<std::shared_ptr<Extent>> superseded;
  absl::flat_hash_set<const Extent*> seen;
  for (std::shared_ptr<Extent>& extent : dropped) {
    if (kept.contains(extent.get()) || !seen.insert(extent.get()).second) continue;
    extent->superseded_at = generation;
    extents_.erase(extent->number);
    superseded.push_back(std::move(extent));
  }
  return superseded;
}

void Catalogue::Update(absl::string_view name, EntryPtr entry) {
  const auto it = by_name_.find(name);
  if (it != by_name_.end()) it->second = std::move(entry);
}

}  // namespace numpack::storage
