// EvictionPolicy: in which order entries of a cache should go. CachePolicy knows what is cached,
// what may go and how much; a policy only ranks what may go.
//
// To write another one: derive, keep the entries in lists through their links, and hand a factory
// to CachePolicy (or to BatchOptions). Every call must be O(1), amortised.
//
// Thread-safety: none. CachePolicy's owner serializes all calls.
#ifndef NUMPACK_CACHE_EVICTION_POLICY_H_
#define NUMPACK_CACHE_EVICTION_POLICY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace numpack {

class EvictionPolicy {
 public:
  // An entry as a policy sees it. It belongs to the cache and stays where it is until it is gone.
  struct Entry {
    std::string_view key;
    uint64_t bytes = 0;
    // For the policy that has the entry: links, and what it wants to remember. The latter outlives
    // Remove and Add: an entry that becomes dirty moves to another policy object.
    Entry* older = nullptr;
    Entry* newer = nullptr;
    uint8_t list = 0;
    uint8_t uses = 0;
  };

  EvictionPolicy() = default;
  virtual ~EvictionPolicy() = default;
  EvictionPolicy(const EvictionPolicy&) = delete;
  EvictionPolicy& operator=(const EvictionPolicy&) = delete;

  // The entry may go from now on: it is new (`list` and `uses` are 0), or may go again.
  virtual void Add(Entry* entry) = 0;
  // It was used.
  virtual void Use(Entry* entry) = 0;
  // It may not go any more, or is gone; `evicted`: because Next() named it.
  virtual void Remove(Entry* entry, bool evicted) = 0;
  // The one that should go next, or nullptr when there is none. The same until something changes.
  virtual Entry* Next() = 0;
};

// Makes one; a cache has one for unchanged and one for changed entries.
using EvictionPolicyFactory = std::function<std::unique_ptr<EvictionPolicy>()>;

// The least recently used one goes first.
std::unique_ptr<EvictionPolicy> NewLru();

// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", 2023), by bytes: new
// entries share a tenth of the memory until they have been used again and again, so one pass over
// many arrays does not push out those in constant use. What was evicted from there is remembered by
// name, as many as there are entries: one that comes back soon is taken for worth keeping.
std::unique_ptr<EvictionPolicy> NewS3Fifo();

// A list by age, through the links of its entries.
class EntryList {
 public:
  EvictionPolicy::Entry* oldest() const { return oldest_; }
  bool empty() const { return oldest_ == nullptr; }
  uint64_t bytes() const { return bytes_; }

  void PushNewest(EvictionPolicy::Entry* entry);
  void Remove(EvictionPolicy::Entry* entry);

 private:
  EvictionPolicy::Entry* oldest_ = nullptr;
  EvictionPolicy::Entry* newest_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace numpack

#endif  // NUMPACK_CACHE_EVICTION_POLICY_H_
