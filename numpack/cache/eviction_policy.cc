#include "numpack/cache/eviction_policy.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace numpack {
namespace {

using Entry = EvictionPolicy::Entry;

class Lru final : public EvictionPolicy {
 public:
  void Add(Entry* entry) override { list_.PushNewest(entry); }
  void Use(Entry* entry) override {
    list_.Remove(entry);
    list_.PushNewest(entry);
  }
  void Remove(Entry* entry, bool /*evicted*/) override { list_.Remove(entry); }
  Entry* Next() override { return list_.oldest(); }

 private:
  EntryList list_;
};

// Names that were evicted not long ago, by their hashes: a mistake costs one wrong guess.
class Ghosts {
 public:
  // Keeps the last `count` names.
  void Remember(std::string_view key, size_t count) {
    const size_t hash = std::hash<std::string_view>()(key);
    order_.emplace_back(hash, ++time_);
    times_[hash] = time_;
    while (order_.size() > count) {
      const auto it = times_.find(order_.front().first);
      if (it != times_.end() && it->second == order_.front().second) times_.erase(it);
      order_.pop_front();
    }
  }
  // Whether it is among them, and no longer is.
  bool Take(std::string_view key) { return times_.erase(std::hash<std::string_view>()(key)) > 0; }

 private:
  uint64_t time_ = 0;
  std::deque<std::pair<size_t, uint64_t>> order_;  // oldest first; some were taken meanwhile
  absl::flat_hash_map<size_t, uint64_t> times_;
};

class S3Fifo final : public EvictionPolicy {
 public:
  void Add(Entry* entry) override {
    if (entry->list == kNone) entry->list = kSmall;
    if (ghosts_.Take(entry->key)) entry->list = kMain;
    ListOf(*entry).PushNewest(entry);
    ++entries_;
  }
  void Use(Entry* entry) override { entry->uses = std::min<uint8_t>(entry->uses + 1, kMostUses); }
  void Remove(Entry* entry, bool evicted) override {
    if (evicted && entry->list == kSmall) {
      ghosts_.Remember(entry->key, std::max<size_t>(entries_, kFewestGhosts));
    }
    ListOf(*entry).Remove(entry);
    --entries_;
  }
  // Every turn of the loop takes a use away from an entry or promotes one, which costs it two.
  Entry* Next() override {
    while (true) {
      const bool from_small = small_.bytes() > main_.bytes() / 9 || main_.empty();
      Entry* entry = (from_small ? small_ : main_).oldest();
      if (entry == nullptr) entry = main_.oldest();
      if (entry == nullptr || entry->uses == 0) return entry;
      if (entry->list == kSmall && entry->uses == 1) return entry;  // a load and a save
      ListOf(*entry).Remove(entry);
      entry->uses = entry->list == kSmall ? 0 : entry->uses - 1;
      entry->list = kMain;
      main_.PushNewest(entry);
    }
  }

 private:
  enum List : uint8_t { kNone, kSmall, kMain };
  static constexpr uint8_t kMostUses = 3;
  static constexpr size_t kFewestGhosts = 16;

  EntryList& ListOf(const Entry& entry) { return entry.list == kSmall ? small_ : main_; }

  EntryList small_;
  EntryList main_;
  Ghosts ghosts_;
  size_t entries_ = 0;
};

}  // namespace

std::unique_ptr<EvictionPolicy> NewLru() { return std::make_unique<Lru>(); }

std::unique_ptr<EvictionPolicy> NewS3Fifo() { return std::make_unique<S3Fifo>(); }

void EntryList::PushNewest(Entry* entry) {
  entry->older = newest_;
  entry->newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = entry;
  newest_ = entry;
  bytes_ += entry->bytes;
}

void EntryList::Remove(Entry* entry) {
  (entry->older != nullptr ? entry->older->newer : oldest_) = entry->newer;
  (entry->newer != nullptr ? entry->newer->older : newest_) = entry->older;
  entry->older = entry->newer = nullptr;
  bytes_ -= entry->bytes;
}

}  // namespace numpack
