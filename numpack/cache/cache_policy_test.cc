#include "numpack/cache/cache_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace numpack {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The language of these tests: entries are named by letters; Evicted() makes room the way a batch
// does, refusing what Hold() named, and tells what went, dirty entries with a '*'.
class CachePolicyTest : public ::testing::Test {
 protected:
  void Limit(uint64_t bytes) { cache_.set_limit(bytes); }
  bool Insert(const std::string& key, uint64_t bytes) { return cache_.Insert(key, bytes, false); }
  bool InsertDirty(const std::string& key, uint64_t bytes) {
    return cache_.Insert(key, bytes, true);
  }
  bool Lookup(const std::string& key) { return cache_.Touch(key); }
  void Hold(const std::string& key) { held_.insert(key); }
  void Release(const std::string& key) { held_.erase(key); }

  std::vector<std::string> Evicted(uint64_t incoming_bytes = 0) {
    std::vector<std::string> gone;
    asked_.clear();
    while (std::optional<CachePolicy::Victim> victim = cache_.NextVictim(incoming_bytes)) {
      const std::string key(victim->key);
      asked_.push_back(key);
      if (held_.count(key) > 0) {
        cache_.Refuse(victim->key);
        continue;
      }
      gone.push_back(key + (victim->dirty ? "*" : ""));
      cache_.Evict(victim->key);
    }
    return gone;
  }

  CacheStats Stats() const { return cache_.stats(); }

  CachePolicy cache_;
  std::set<std::string> held_;
  std::vector<std::string> asked_;  // by the last Evicted()
};

TEST_F(CachePolicyTest, WithoutLimitNothingGoes) {
  Insert("a", uint64_t{1} << 60);
  InsertDirty("b", uint64_t{1} << 60);
  EXPECT_FALSE(cache_.OverLimit());
  EXPECT_THAT(Evicted(uint64_t{1} << 60), IsEmpty());
  EXPECT_TRUE(cache_.Fits(std::numeric_limits<uint64_t>::max()));
}

TEST_F(CachePolicyTest, LeastRecentlyUsedGoesFirst) {
  Limit(30);
  Insert("a", 10);
  Insert("b", 10);
  Insert("c", 10);
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_TRUE(Lookup("a"));
  Insert("d", 10);
  EXPECT_THAT(Evicted(), ElementsAre("b"));
  EXPECT_FALSE(Lookup("b"));
}

TEST_F(CachePolicyTest, DirtyGoesAfterAllClean) {
  InsertDirty("a", 10);
  Insert("b", 10);
  InsertDirty("c", 10);
  Insert("d", 10);
  Limit(0);
  EXPECT_THAT(Evicted(), ElementsAre("b", "d", "a*", "c*"));
}

TEST_F(CachePolicyTest, MarkingMovesBetweenTheOrdersAndCountsAsUse) {
  Insert("a", 10);
  Insert("b", 10);
  InsertDirty("c", 10);
  EXPECT_TRUE(cache_.MarkDirty("a"));
  EXPECT_TRUE(cache_.MarkClean("c"));
  EXPECT_FALSE(cache_.MarkDirty("x"));
  EXPECT_TRUE(cache_.IsDirty("a"));
  EXPECT_FALSE(cache_.IsDirty("c"));
  EXPECT_FALSE(cache_.IsDirty("x"));
  Limit(0);
  EXPECT_THAT(Evicted(), ElementsAre("b", "c", "a*"));
}

TEST_F(CachePolicyTest, RoomIsMadeBeforeBytesArrive) {
  Limit(30);
  Insert("a", 10);
  Insert("b", 10);
  Insert("c", 10);
  EXPECT_TRUE(cache_.OverLimit(1));
  EXPECT_THAT(Evicted(15), ElementsAre("a", "b"));
  EXPECT_THAT(Evicted(20), IsEmpty());
  EXPECT_THAT(Evicted(std::numeric_limits<uint64_t>::max()), ElementsAre("c"));
}

TEST_F(CachePolicyTest, LargerThanTheLimitIsStreamed) {
  Limit(30);
  EXPECT_TRUE(Insert("a", 30));
  EXPECT_FALSE(Insert("b", 31));
  EXPECT_FALSE(cache_.Contains("b"));
  EXPECT_TRUE(cache_.Contains("a"));
  EXPECT_FALSE(InsertDirty("a", 31)) << "the new value supersedes the cached one";
  EXPECT_FALSE(cache_.Contains("a"));
  EXPECT_EQ(Stats().streamed, 2);
  EXPECT_EQ(Stats().cached_bytes, 0);
}

TEST_F(CachePolicyTest, PinnedIsNotProposedUntilTheLastUnpin) {
  Insert("a", 10);
  Insert("b", 10);
  EXPECT_TRUE(cache_.Pin("a"));
  EXPECT_TRUE(cache_.Pin("a"));
  EXPECT_EQ(Stats().pinned_bytes, 10);
  Limit(0);
  EXPECT_THAT(Evicted(), ElementsAre("b"));
  EXPECT_TRUE(cache_.Unpin("a"));
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_TRUE(cache_.OverLimit());
  EXPECT_TRUE(cache_.Unpin("a"));
  EXPECT_FALSE(cache_.Unpin("a"));
  EXPECT_EQ(Stats().pinned_bytes, 0);
  EXPECT_THAT(Evicted(), ElementsAre("a"));
}

TEST_F(CachePolicyTest, PinsOutliveANewValueButNotAnErase) {
  Insert("a", 10);
  cache_.Pin("a");
  InsertDirty("a", 20);
  EXPECT_EQ(Stats().pinned_bytes, 20);
  EXPECT_TRUE(cache_.Erase("a"));
  EXPECT_FALSE(cache_.Erase("a"));
  EXPECT_EQ(Stats().pinned_bytes, 0);
  Insert("a", 10);
  Limit(0);
  EXPECT_THAT(Evicted(), ElementsAre("a"));
}

TEST_F(CachePolicyTest, HeldIsSkippedAndAskedAgainInTheNextRound) {
  Limit(30);
  Insert("a", 10);
  Insert("b", 10);
  Insert("c", 10);
  Hold("a");
  EXPECT_THAT(Evicted(10), ElementsAre("b"));
  EXPECT_THAT(asked_, ElementsAre("a", "b"));
  EXPECT_EQ(Stats().held_bytes, 10);
  Release("a");
  EXPECT_THAT(Evicted(20), ElementsAre("a")) << "it kept its place in the order";
  EXPECT_EQ(Stats().held_bytes, 0);
}

TEST_F(CachePolicyTest, ARoundEndsWhenAllAreHeld) {
  Insert("a", 10);
  InsertDirty("b", 10);
  Hold("a");
  Hold("b");
  Limit(10);
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_THAT(asked_, ElementsAre("a", "b"));
  EXPECT_TRUE(cache_.OverLimit());
  EXPECT_EQ(Stats().held_bytes, 20);
  EXPECT_EQ(Stats().refusals, 2);
  EXPECT_TRUE(Lookup("a")) << "used again: no longer known to be held";
  EXPECT_EQ(Stats().held_bytes, 10);
}

TEST_F(CachePolicyTest, WithoutAnAnswerTheSameIsProposed) {
  Insert("a", 10);
  Insert("b", 10);
  Limit(0);
  EXPECT_EQ(cache_.NextVictim()->key, "a");
  EXPECT_EQ(cache_.NextVictim()->key, "a");
  cache_.Refuse("b");  // not the one proposed
  EXPECT_EQ(cache_.NextVictim()->key, "a");
  EXPECT_TRUE(Lookup("a"));
  cache_.Refuse("a");  // used since: the proposal is void
  EXPECT_EQ(Stats().refusals, 0);
  EXPECT_EQ(cache_.NextVictim()->key, "b");
}

TEST_F(CachePolicyTest, ErasingTheProposedEntryIsSafe) {
  Insert("a", 10);
  Insert("b", 10);
  Limit(0);
  EXPECT_EQ(cache_.NextVictim()->key, "a");
  cache_.Erase("a");
  cache_.Refuse("a");
  cache_.Evict("a");
  EXPECT_THAT(Evicted(), ElementsAre("b"));
  EXPECT_EQ(Stats().evictions, 1);
}

TEST_F(CachePolicyTest, CountersTellWhatHappened) {
  Limit(25);
  Insert("a", 10);
  InsertDirty("b", 10);
  Lookup("a");
  Lookup("x");
  Insert("c", 15);
  EXPECT_THAT(Evicted(), ElementsAre("a"));
  InsertDirty("d", 5);
  EXPECT_THAT(Evicted(10), ElementsAre("c"));
  EXPECT_THAT(Evicted(20), ElementsAre("b*"));
  const CacheStats stats = Stats();
  EXPECT_EQ(stats.hits, 1);
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(stats.evictions, 2);
  EXPECT_EQ(stats.evicted_bytes, 25);
  EXPECT_EQ(stats.spills, 1);
  EXPECT_EQ(stats.spilled_bytes, 10);
  EXPECT_EQ(stats.entries, 1);
  EXPECT_EQ(stats.cached_bytes, 5);
  EXPECT_EQ(stats.dirty_bytes, 5);
  EXPECT_EQ(stats.peak_bytes, 35);
}

TEST_F(CachePolicyTest, ClearForgetsEntriesAndKeepsCounters) {
  InsertDirty("a", 10);
  Insert("b", 10);
  cache_.Pin("b");
  cache_.Clear();
  EXPECT_FALSE(Lookup("a"));
  EXPECT_EQ(Stats().entries, 0);
  EXPECT_EQ(Stats().cached_bytes + Stats().dirty_bytes + Stats().pinned_bytes, 0);
  EXPECT_EQ(Stats().peak_bytes, 20);
  Insert("c", 10);
  Limit(0);
  EXPECT_THAT(Evicted(), ElementsAre("c"));
}

TEST_F(CachePolicyTest, EmptyArraysAndTheEmptyNameAreEntries) {
  Limit(0);
  EXPECT_TRUE(Insert("", 0));
  EXPECT_TRUE(Lookup(""));
  EXPECT_FALSE(cache_.OverLimit());
  EXPECT_THAT(Evicted(), IsEmpty());
}

TEST_F(CachePolicyTest, ManyHeldEntriesAreAskedAFewPerRoundAndAllInTurn) {
  constexpr int kHeld = 3 * CachePolicy::kMaxRepeatedRefusals + 7;
  for (int i = 0; i < kHeld; ++i) {
    const std::string key = "held" + std::to_string(i);
    Insert(key, 1);
    Hold(key);
  }
  Limit(kHeld);
  EXPECT_THAT(Evicted(1), IsEmpty());
  EXPECT_EQ(asked_.size(), kHeld);

  std::set<std::string> asked_again;
  for (int round = 0; round < 4; ++round) {
    EXPECT_THAT(Evicted(1), IsEmpty());
    EXPECT_LE(asked_.size(), CachePolicy::kMaxRepeatedRefusals);
    asked_again.insert(asked_.begin(), asked_.end());
  }
  EXPECT_EQ(asked_again.size(), kHeld);

  Insert("free", 1);
  EXPECT_THAT(Evicted(), ElementsAre("free"))
      << "what was never refused is found behind all of them";
}

// The same rules, written for shortness: one vector, least recently used first.
class Model {
 public:
  struct Entry {
    std::string key;
    uint64_t bytes;
    bool dirty;
    int pins;
  };

  explicit Model(uint64_t limit) : limit_(limit) {}

  void Insert(const std::string& key, uint64_t bytes, bool dirty) {
    Entry entry{key, bytes, dirty, Contains(key) ? Find(key)->pins : 0};
    Erase(key);
    if (bytes <= limit_) entries_.push_back(entry);
  }

  // Runs `change` on an entry and makes it the newest.
  template <typename Change>
  void Use(const std::string& key, Change change) {
    if (!Contains(key)) return;
    change(&*Find(key));
    std::rotate(Find(key), Find(key) + 1, entries_.end());
  }

  void Erase(const std::string& key) {
    if (Contains(key)) entries_.erase(Find(key));
  }

  std::vector<std::string> MakeRoom(uint64_t incoming, const std::set<std::string>& held) {
    std::vector<std::string> gone;
    for (const bool dirty : {false, true}) {
      for (auto it = entries_.begin(); it != entries_.end() && Bytes() + incoming > limit_;) {
        const bool goes = it->dirty == dirty && it->pins == 0 && held.count(it->key) == 0;
        if (goes) gone.push_back(it->key);
        it = goes ? entries_.erase(it) : it + 1;
      }
    }
    return gone;
  }

  bool Contains(const std::string& key) { return Find(key) != entries_.end(); }

  template <typename Counts>
  uint64_t BytesIf(Counts counts) const {
    uint64_t sum = 0;
    for (const Entry& entry : entries_) sum += counts(entry) ? entry.bytes : 0;
    return sum;
  }
  uint64_t Bytes() const {
    return BytesIf([](const Entry&) { return true; });
  }

 private:
  std::vector<Entry>::iterator Find(const std::string& key) {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&](const Entry& entry) { return entry.key == key; });
  }

  uint64_t limit_;
  std::vector<Entry> entries_;
};

// Applies the same random operations to policy and model.
class RandomRun {
 public:
  explicit RandomRun(uint32_t seed) : random_(seed), cache_(kLimit), model_(kLimit) {}

  void Step() {
    const std::string key(1, static_cast<char>('a' + Below(26)));
    switch (Below(9)) {
      case 0:
      case 1:
        Insert(key);
        break;
      case 2:
        EXPECT_EQ(cache_.Touch(key), model_.Contains(key));
        Use(key, [](Model::Entry*) {});
        break;
      case 3:
        cache_.MarkDirty(key);
        Use(key, [](Model::Entry* entry) { entry->dirty = true; });
        break;
      case 4:
        cache_.MarkClean(key);
        Use(key, [](Model::Entry* entry) { entry->dirty = false; });
        break;
      case 5:
        Pin(key);
        break;
      case 6:
        EXPECT_EQ(cache_.Erase(key), model_.Contains(key));
        model_.Erase(key);
        break;
      case 7:
        if (!held_.insert(key).second) held_.erase(key);
        break;
      default:
        MakeRoom(Below(kLimit));
        break;
    }
    Compare();
  }

 private:
  static constexpr int kLimit = 100;

  int Below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }

  template <typename Change>
  void Use(const std::string& key, Change change) {
    model_.Use(key, change);
  }

  void Insert(const std::string& key) {
    const uint64_t bytes = Below(kLimit + 10) / (1 + Below(8));
    const bool dirty = Below(2) == 0;
    EXPECT_EQ(cache_.Insert(key, bytes, dirty), bytes <= kLimit);
    model_.Insert(key, bytes, dirty);
  }

  void Pin(const std::string& key) {
    if (Below(3) == 0) {
      cache_.Pin(key);
      Use(key, [](Model::Entry* entry) { ++entry->pins; });
    } else if (cache_.Unpin(key)) {
      Use(key, [](Model::Entry* entry) { --entry->pins; });
    }
  }

  void MakeRoom(uint64_t incoming) {
    std::vector<std::string> gone;
    while (std::optional<CachePolicy::Victim> victim = cache_.NextVictim(incoming)) {
      if (held_.count(std::string(victim->key)) > 0) {
        cache_.Refuse(victim->key);
      } else {
        gone.emplace_back(victim->key);
        cache_.Evict(victim->key);
      }
    }
    EXPECT_EQ(gone, model_.MakeRoom(incoming, held_));
  }

  void Compare() {
    const CacheStats stats = cache_.stats();
    EXPECT_EQ(stats.cached_bytes, model_.Bytes());
    EXPECT_EQ(stats.dirty_bytes,
              model_.BytesIf([](const Model::Entry& entry) { return entry.dirty; }));
    EXPECT_EQ(stats.pinned_bytes,
              model_.BytesIf([](const Model::Entry& entry) { return entry.pins > 0; }));
    EXPECT_EQ(cache_.OverLimit(), model_.Bytes() > kLimit);
  }

  std::mt19937 random_;
  CachePolicy cache_;
  Model model_;
  std::set<std::string> held_;
};

TEST(CachePolicyRandomTest, AgreesWithTheModel) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    RandomRun run(seed);
    for (int step = 0; step < 1000; ++step) {
      run.Step();
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ", step " << step;
    }
  }
}

// An operation that walked over all entries would take hours here.
TEST(CachePolicyScaleTest, AMillionHeldEntriesDoNotSlowDownEachInsert) {
  constexpr int kEntries = 1'000'000;
  constexpr int kLimit = 900'000;
  CachePolicy cache(kLimit);
  for (int i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(cache.Insert(std::to_string(i), 1, i % 2 == 0));
    while (std::optional<CachePolicy::Victim> victim = cache.NextVictim()) {
      cache.Refuse(victim->key);
    }
  }
  EXPECT_EQ(cache.stats().entries, kEntries);
  EXPECT_EQ(cache.stats().held_bytes, kEntries);
  for (int i = 0; i < kEntries; ++i) ASSERT_TRUE(cache.Touch(std::to_string(i)));
  while (std::optional<CachePolicy::Victim> victim = cache.NextVictim()) cache.Evict(victim->key);
  EXPECT_EQ(cache.stats().entries, kLimit);
  EXPECT_EQ(cache.stats().evictions, kEntries - kLimit);
}

}  // namespace
}  // namespace numpack
