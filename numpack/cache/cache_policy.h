// CachePolicy decides what a batch keeps in memory: which arrays are there, how many bytes they
// take, and which of them should go when a limit is exceeded. It is bookkeeping only: it owns no
// buffer, reads and writes nothing, and knows an array by its name and its number of bytes. The
// batch layer owns the buffers and does what the policy proposes.
//
//   CachePolicy cache(/*limit_bytes=*/100'000'000);
//   while (std::optional<CachePolicy::Victim> victim = cache.NextVictim(bytes_about_to_be_read)) {
//     if (UserHoldsBuffer(victim->key)) {
//       cache.Refuse(victim->key);
//       continue;
//     }
//     if (victim->dirty) NUMPACK_RETURN_IF_ERROR(Spill(victim->key));
//     FreeBuffer(victim->key);
//     cache.Evict(victim->key);  // last: victim->key dies here
//   }
//   if (!cache.Insert(name, bytes, /*dirty=*/false)) StreamInsteadOfCaching(name);
//
// Order of proposals: clean entries in the order of an EvictionPolicy (by default least recently
// used first), then dirty ones likewise, because a clean one costs a read to bring back and a dirty
// one a write as well. Inserting, touching, marking and unpinning an entry all count as using it.
//
// Held buffers: whether a user still holds a buffer is known only when somebody looks, so the
// policy proposes and the caller may Refuse(). A refused entry is the first to be proposed in the
// next round, but not again in the same one; a round ends when NextVictim() returns nothing. What
// is known to be in use beforehand can be pinned instead: a pinned entry is never proposed.
//
// Cost: every operation is O(1) (expected, by hashing), also with a million entries. For that a
// round asks again about at most kMaxRepeatedRefusals of the clean and as many of the dirty entries
// that an earlier round saw refused, and the next round continues behind them. So with more held
// buffers than that, a released one may be noticed some rounds late; with fewer the order is exact.
//
// Thread-safety: none. The owner serializes all calls, const ones included.
#ifndef NUMPACK_CACHE_CACHE_POLICY_H_
#define NUMPACK_CACHE_CACHE_POLICY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "numpack/cache/eviction_policy.h"

namespace numpack {

// Counts since construction, except for the sums marked "now".
struct CacheStats {
  uint64_t hits = 0;           // Touch() of a cached entry
  uint64_t misses = 0;         // Touch() of anything else
  uint64_t evictions = 0;      // clean entries given up by Evict()
  uint64_t evicted_bytes = 0;  // their bytes
  uint64_t spills = 0;         // dirty entries given up by Evict()
  uint64_t spilled_bytes = 0;  // their bytes
  uint64_t refusals = 0;       // Refuse() of a proposed entry
  uint64_t streamed = 0;       // Insert() of something larger than the whole limit
  uint64_t entries = 0;        // now
  uint64_t cached_bytes = 0;   // now, of all entries
  uint64_t dirty_bytes = 0;    // now
  uint64_t pinned_bytes = 0;   // now, of pinned entries
  uint64_t held_bytes = 0;     // now, of unpinned entries that were refused when last proposed
  uint64_t peak_bytes = 0;     // the largest value of cached_bytes
};

class CachePolicy {
 public:
  // An entry that should leave memory. `key` stays valid until the entry is evicted or erased.
  struct Victim {
    std::string_view key;
    uint64_t bytes = 0;
    bool dirty = false;  // true: its bytes exist nowhere else, so spill before Evict()
  };

  static constexpr int kMaxRepeatedRefusals = 64;

  // std::nullopt means no limit: then nothing is ever proposed.
  explicit CachePolicy(std::optional<uint64_t> limit_bytes = std::nullopt,
                       const EvictionPolicyFactory& order = NewLru);
  ~CachePolicy() = default;

  CachePolicy(const CachePolicy&) = delete;
  CachePolicy& operator=(const CachePolicy&) = delete;

  std::optional<uint64_t> limit() const { return limit_; }

  // Takes effect with the next NextVictim(); entries larger than a new limit are proposed like any
  // other.
  void set_limit(std::optional<uint64_t> limit_bytes) { limit_ = limit_bytes; }

  // False if `bytes` exceeds the whole limit: such an array is streamed, not cached.
  bool Fits(uint64_t bytes) const { return !limit_ || bytes <= *limit_; }

  // Records that `key` now has a buffer of `bytes` bytes. Replaces size and mark of an entry of
  // that name; its pins stay. Returns false, and keeps no entry of that name, if Fits(bytes) is
  // false: the new value supersedes the cached one even when it cannot be cached itself. May exceed
  // the limit; NextVictim() says what should go.
  [[nodiscard]] bool Insert(std::string_view key, uint64_t bytes, bool dirty);

  // A lookup: counts a hit and makes the entry the most recently used one, or counts a miss and
  // returns false.
  bool Touch(std::string_view key);

  // A lookup that changes neither order nor counters.
  bool Contains(std::string_view key) const { return entries_.contains(key); }

  // Whether `key` is cached and marked dirty.
  bool IsDirty(std::string_view key) const;

  // Dirty: the buffer holds what no extent does. Clean: it can be read again. False if there is no
  // such entry.
  bool MarkDirty(std::string_view key) { return Mark(key, true); }
  bool MarkClean(std::string_view key) { return Mark(key, false); }

  // A pinned entry is not proposed. Pins are counted; each Pin() needs one Unpin(). False if there
  // is no such entry (Unpin: or no pin on it).
  bool Pin(std::string_view key);
  bool Unpin(std::string_view key);

  // Forgets an entry, pins included, without counting an eviction (its array was dropped, say).
  // False if absent.
  bool Erase(std::string_view key);

  // Forgets all entries. Counters and peak stay.
  void Clear();

  // Whether the entries and `incoming_bytes` more exceed the limit.
  bool OverLimit(uint64_t incoming_bytes = 0) const;

  // The next entry to give up so that `incoming_bytes` more fit under the limit, or nothing: all
  // fits, or all that is left is pinned or was refused in this round. Nothing also ends the round;
  // one left early (a failed spill, say) is continued by the next call. Answer each proposal by
  // Evict() or Refuse(); without an answer the same entry is proposed again.
  std::optional<Victim> NextVictim(uint64_t incoming_bytes = 0);

  // The caller has freed the entry's buffer (after writing it out, if it was dirty). No-op if there
  // is no such entry.
  void Evict(std::string_view key);

  // The caller cannot free the proposed entry now. No-op if `key` is not the entry proposed last.
  void Refuse(std::string_view key);

  CacheStats stats() const;

 private:
  struct Entry : EvictionPolicy::Entry {
    uint32_t pins = 0;
    bool dirty = false;
    bool refused = false;  // when last proposed
  };

  // Entries of one mark that are not pinned, with the state of the round: those that were refused
  // when last proposed, which are asked about first, and the others.
  class Queue {
   public:
    explicit Queue(std::unique_ptr<EvictionPolicy> order) : order_(std::move(order)) {}
    void Add(Entry* entry) { order_->Add(entry); }
    void Use(Entry* entry) { order_->Use(entry); }
    void Remove(Entry* entry, bool evicted);
    // The entry to propose now, or nullptr when this round has asked about all that it should.
    Entry* Candidate();
    // The entry last returned by Candidate() stays.
    void Skip(Entry* entry);
    void EndRound();

   private:
    std::unique_ptr<EvictionPolicy> order_;
    EntryList refused_;
    // In refused_: what is proposed next in this round, while it asks again; where that begins in
    // the next round, when not at the oldest.
    EvictionPolicy::Entry* cursor_ = nullptr;
    EvictionPolicy::Entry* resume_ = nullptr;
    int repeated_refusals_ = 0;  // in this round
    bool in_round_ = false;
  };

  Entry* Find(std::string_view key);
  Queue& QueueOf(const Entry& entry) { return entry.dirty ? dirty_ : clean_; }
  bool Mark(std::string_view key, bool dirty);
  void Use(Entry* entry);
  // Runs `change` on an entry, which may then be in another queue, and counts that as a use.
  template <typename Change>
  void Update(Entry* entry, Change change);
  void Account(const Entry& entry, bool add);
  void Remove(Entry* entry, bool evicted);

  std::optional<uint64_t> limit_;
  const EvictionPolicyFactory order_;
  absl::node_hash_map<std::string, Entry> entries_;  // nodes: queues and victims point into them
  Queue clean_;
  Queue dirty_;
  Entry* proposed_ = nullptr;  // by the last NextVictim(), not answered yet
  CacheStats stats_;           // without `entries`
};

}  // namespace numpack

#endif  // NUMPACK_CACHE_CACHE_POLICY_H_
