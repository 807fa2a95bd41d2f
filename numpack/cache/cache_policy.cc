#include "numpack/cache/cache_policy.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace numpack {

void CachePolicy::Queue::Remove(Entry* entry, bool evicted) {
  if (!entry->refused) return order_->Remove(entry, evicted);
  for (EvictionPolicy::Entry** position : {&cursor_, &resume_}) {
    if (*position == entry) *position = entry->newer;
  }
  refused_.Remove(entry);
}

CachePolicy::Entry* CachePolicy::Queue::Candidate() {
  if (!in_round_) {
    in_round_ = true;
    repeated_refusals_ = 0;
    cursor_ = resume_ != nullptr ? resume_ : refused_.oldest();
    resume_ = nullptr;
  }
  return static_cast<Entry*>(cursor_ != nullptr ? cursor_ : order_->Next());
}

void CachePolicy::Queue::Skip(Entry* entry) {
  if (cursor_ == nullptr) {
    order_->Remove(entry, /*evicted=*/false);
    refused_.PushNewest(entry);
    entry->refused = true;
    return;
  }
  cursor_ = cursor_->newer;
  if (++repeated_refusals_ >= kMaxRepeatedRefusals) resume_ = std::exchange(cursor_, nullptr);
}

void CachePolicy::Queue::EndRound() {
  in_round_ = false;
  cursor_ = nullptr;
}

CachePolicy::CachePolicy(std::optional<uint64_t> limit_bytes, const EvictionPolicyFactory& order)
    : limit_(limit_bytes), order_(order), clean_(order_()), dirty_(order_()) {}

bool CachePolicy::Insert(std::string_view key, uint64_t bytes, bool dirty) {
  if (!Fits(bytes)) {
    ++stats_.streamed;
    Erase(key);
    return false;
  }
  if (Entry* entry = Find(key); entry != nullptr) {
    const bool same = entry->bytes == bytes && entry->dirty == dirty;
    if (same) {
      Use(entry);
    } else {
      Update(entry, [&] {
        entry->bytes = bytes;
        entry->dirty = dirty;
      });
    }
  } else {
    const auto node = entries_.try_emplace(std::string(key)).first;
    entry = &node->second;
    entry->key = node->first;
    entry->bytes = bytes;
    entry->dirty = dirty;
    Account(*entry, /*add=*/true);
    QueueOf(*entry).Add(entry);
  }
  stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.cached_bytes);
  return true;
}

bool CachePolicy::Touch(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) {
    ++stats_.misses;
    return false;
  }
  ++stats_.hits;
  Use(entry);
  return true;
}

bool CachePolicy::IsDirty(std::string_view key) const {
  const auto it = entries_.find(key);
  return it != entries_.end() && it->second.dirty;
}

bool CachePolicy::Mark(std::string_view key, bool dirty) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  if (entry->dirty == dirty) {
    Use(entry);
  } else {
    Update(entry, [&] { entry->dirty = dirty; });
  }
  return true;
}

bool CachePolicy::Pin(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  Update(entry, [&] { ++entry->pins; });
  return true;
}

bool CachePolicy::Unpin(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr || entry->pins == 0) return false;
  Update(entry, [&] { --entry->pins; });
  return true;
}

bool CachePolicy::Erase(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  Remove(entry, /*evicted=*/false);
  return true;
}

void CachePolicy::Clear() {
  entries_.clear();
  clean_ = Queue(order_());
  dirty_ = Queue(order_());
  proposed_ = nullptr;
  stats_.cached_bytes = stats_.dirty_bytes = stats_.pinned_bytes = stats_.held_bytes = 0;
}

bool CachePolicy::OverLimit(uint64_t incoming_bytes) const {
  if (!limit_) return false;
  // Not cached + incoming > limit: the sum could wrap around.
  return stats_.cached_bytes > *limit_ || incoming_bytes > *limit_ - stats_.cached_bytes;
}

std::optional<CachePolicy::Victim> CachePolicy::NextVictim(uint64_t incoming_bytes) {
  proposed_ = nullptr;
  if (OverLimit(incoming_bytes)) {
    proposed_ = clean_.Candidate();
    if (proposed_ == nullptr) proposed_ = dirty_.Candidate();
  }
  if (proposed_ == nullptr) {
    clean_.EndRound();
    dirty_.EndRound();
    return std::nullopt;
  }
  return Victim{proposed_->key, proposed_->bytes, proposed_->dirty};
}

void CachePolicy::Evict(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return;
  ++(entry->dirty ? stats_.spills : stats_.evictions);
  (entry->dirty ? stats_.spilled_bytes : stats_.evicted_bytes) += entry->bytes;
  Remove(entry, /*evicted=*/true);
}

void CachePolicy::Refuse(std::string_view key) {
  if (proposed_ == nullptr || proposed_->key != key) return;
  ++stats_.refusals;
  if (!proposed_->refused) stats_.held_bytes += proposed_->bytes;
  QueueOf(*proposed_).Skip(std::exchange(proposed_, nullptr));
}

CacheStats CachePolicy::stats() const {
  CacheStats stats = stats_;
  stats.entries = entries_.size();
  return stats;
}

CachePolicy::Entry* CachePolicy::Find(std::string_view key) {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

void CachePolicy::Use(Entry* entry) {
  if (entry->refused) return Update(entry, [] {});  // back into the order
  if (proposed_ == entry) proposed_ = nullptr;
  if (entry->pins == 0) QueueOf(*entry).Use(entry);
}

template <typename Change>
void CachePolicy::Update(Entry* entry, Change change) {
  Account(*entry, /*add=*/false);
  if (proposed_ == entry) proposed_ = nullptr;
  if (entry->pins == 0) QueueOf(*entry).Remove(entry, /*evicted=*/false);
  entry->refused = false;
  change();
  Account(*entry, /*add=*/true);
  if (entry->pins > 0) return;
  QueueOf(*entry).Add(entry);
  QueueOf(*entry).Use(entry);
}

// Adds the entry to the sums, or takes it out of them.
void CachePolicy::Account(const Entry& entry, bool add) {
  const auto apply = [&](uint64_t& sum) { sum = add ? sum + entry.bytes : sum - entry.bytes; };
  apply(stats_.cached_bytes);
  if (entry.dirty) apply(stats_.dirty_bytes);
  if (entry.pins > 0) apply(stats_.pinned_bytes);
  if (entry.refused) apply(stats_.held_bytes);
}

void CachePolicy::Remove(Entry* entry, bool evicted) {
  Account(*entry, /*add=*/false);
  if (proposed_ == entry) proposed_ = nullptr;
  if (entry->pins == 0) QueueOf(*entry).Remove(entry, evicted);
  entries_.erase(entries_.find(entry->key));
}

}  // namespace numpack
