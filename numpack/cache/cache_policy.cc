#include "numpack/cache/cache_policy.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace numpack {

void CachePolicy::Queue::PushNewest(Entry* entry) {
  entry->older = newest_;
  entry->newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = entry;
  newest_ = entry;
  if (first_fresh_ == nullptr) first_fresh_ = entry;
}

void CachePolicy::Queue::Remove(Entry* entry) {
  for (Entry** position : {&first_fresh_, &resume_, &cursor_}) {
    if (*position == entry) *position = entry->newer;
  }
  (entry->older != nullptr ? entry->older->newer : oldest_) = entry->newer;
  (entry->newer != nullptr ? entry->newer->older : newest_) = entry->older;
  entry->older = entry->newer = nullptr;
}

CachePolicy::Entry* CachePolicy::Queue::Candidate() {
  if (!in_round_) {
    in_round_ = true;
    repeated_refusals_ = 0;
    cursor_ = resume_ != nullptr ? resume_ : oldest_;
    resume_ = nullptr;
  }
  return cursor_;
}

void CachePolicy::Queue::Skip() {
  if (cursor_->refused) {
    ++repeated_refusals_;
  } else {
    cursor_->refused = true;
    first_fresh_ = cursor_->newer;
  }
  cursor_ = cursor_->newer;
  const bool more_repeats = cursor_ != nullptr && cursor_->refused;
  if (more_repeats && repeated_refusals_ >= kMaxRepeatedRefusals) {
    resume_ = cursor_;
    cursor_ = first_fresh_;
  }
}

void CachePolicy::Queue::EndRound() {
  in_round_ = false;
  cursor_ = nullptr;
}

CachePolicy::CachePolicy(std::optional<uint64_t> limit_bytes) : limit_(limit_bytes) {}

bool CachePolicy::Insert(std::string_view key, uint64_t bytes, bool dirty) {
  if (!Fits(bytes)) {
    ++stats_.streamed;
    Erase(key);
    return false;
  }
  Entry* entry = Find(key);
  if (entry != nullptr) {
    Unlink(entry);
  } else {
    const auto node = entries_.try_emplace(std::string(key)).first;
    entry = &node->second;
    entry->key = &node->first;
  }
  entry->bytes = bytes;
  entry->dirty = dirty;
  Link(entry);
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
  Unlink(entry);
  Link(entry);
  return true;
}

bool CachePolicy::IsDirty(std::string_view key) const {
  const auto it = entries_.find(key);
  return it != entries_.end() && it->second.dirty;
}

bool CachePolicy::Mark(std::string_view key, bool dirty) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  Unlink(entry);
  entry->dirty = dirty;
  Link(entry);
  return true;
}

bool CachePolicy::Pin(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  Unlink(entry);
  ++entry->pins;
  Link(entry);
  return true;
}

bool CachePolicy::Unpin(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr || entry->pins == 0) return false;
  Unlink(entry);
  --entry->pins;
  Link(entry);
  return true;
}

bool CachePolicy::Erase(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return false;
  Remove(entry);
  return true;
}

void CachePolicy::Clear() {
  entries_.clear();
  clean_ = Queue();
  dirty_ = Queue();
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
  return Victim{*proposed_->key, proposed_->bytes, proposed_->dirty};
}

void CachePolicy::Evict(std::string_view key) {
  Entry* entry = Find(key);
  if (entry == nullptr) return;
  ++(entry->dirty ? stats_.spills : stats_.evictions);
  (entry->dirty ? stats_.spilled_bytes : stats_.evicted_bytes) += entry->bytes;
  Remove(entry);
}

void CachePolicy::Refuse(std::string_view key) {
  if (proposed_ == nullptr || *proposed_->key != key) return;
  ++stats_.refusals;
  if (!proposed_->refused) stats_.held_bytes += proposed_->bytes;
  QueueOf(*proposed_).Skip();
  proposed_ = nullptr;
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

// Every change of an entry is Unlink, change, Link: so the sums follow, and the entry becomes the
// newest.
void CachePolicy::Link(Entry* entry) {
  stats_.cached_bytes += entry->bytes;
  if (entry->dirty) stats_.dirty_bytes += entry->bytes;
  if (entry->pins > 0) {
    stats_.pinned_bytes += entry->bytes;
  } else {
    QueueOf(*entry).PushNewest(entry);
  }
}

void CachePolicy::Unlink(Entry* entry) {
  stats_.cached_bytes -= entry->bytes;
  if (entry->dirty) stats_.dirty_bytes -= entry->bytes;
  if (entry->pins > 0) {
    stats_.pinned_bytes -= entry->bytes;
  } else {
    QueueOf(*entry).Remove(entry);
  }
  if (entry->refused) stats_.held_bytes -= entry->bytes;
  entry->refused = false;
  if (proposed_ == entry) proposed_ = nullptr;
}

void CachePolicy::Remove(Entry* entry) {
  Unlink(entry);
  entries_.erase(*entry->key);
}

}  // namespace numpack
