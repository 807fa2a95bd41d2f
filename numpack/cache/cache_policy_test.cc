#include "numpack/cache/cache_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "numpack/cache/eviction_policy.h"

namespace numpack {
namespace {

using ::testing::IsEmpty;

// The language of these tests. A script has one command per line or comma:
//
//   limit 30 | limit none     evictable entries go when there is more
//   insert a 10 [dirty]       streams a 10 [dirty]: the same, too large to be cached
//   touch a                   misses a: the same, not cached
//   dirty a   clean a         marks it
//   pin a   unpin a   erase a   clear
//   hold a   release a        makes room refuse it, as a buffer that the user holds
//   room 15 [a b*]            makes room for 15 bytes: these go, in that order, dirty ones with '*'
//   asked a b                 the last room asked about these, in that order
//   over | fits               whether there is more than the limit
//   stat cached_bytes 10      a counter
//
// A command that comes out otherwise fails the test with its own text.
class Script {
 public:
  explicit Script(const EvictionPolicyFactory& order = NewLru) : cache_(std::nullopt, order) {}

  void Run(std::string_view text) {
    for (const std::string_view line : absl::StrSplit(text, absl::ByAnyChar("\n,"))) {
      const std::vector<std::string> words =
          absl::StrSplit(line, absl::ByAnyChar(" []"), absl::SkipEmpty());
      if (!words.empty()) {
        EXPECT_TRUE(Obey(words)) << line << "; went: " << absl::StrJoin(gone_, " ")
                                 << "; asked: " << absl::StrJoin(asked_, " ");
      }
    }
  }

  // What went.
  const std::vector<std::string>& MakeRoom(uint64_t incoming) {
    gone_.clear();
    asked_.clear();
    while (std::optional<CachePolicy::Victim> victim = cache_.NextVictim(incoming)) {
      const std::string key(victim->key);
      asked_.push_back(key);
      if (held_.count(key) > 0) {
        cache_.Refuse(victim->key);
        continue;
      }
      gone_.push_back(key + (victim->dirty ? "*" : ""));
      cache_.Evict(victim->key);
    }
    return gone_;
  }

  CachePolicy& cache() { return cache_; }
  std::set<std::string>& held() { return held_; }
  const std::vector<std::string>& asked() const { return asked_; }

 private:
  using Words = std::vector<std::string>;

  static uint64_t NumberOf(const Words& words, size_t i) {
    uint64_t number = 0;
    EXPECT_TRUE(i < words.size() && absl::SimpleAtoi(words[i], &number)) << "not a number";
    return number;
  }

  bool Obey(const Words& words) {
    const std::string& command = words[0];
    const std::string key = words.size() > 1 ? words[1] : "";
    if (command == "limit") {
      cache_.set_limit(key == "none" ? std::nullopt : std::optional(NumberOf(words, 1)));
      return true;
    }
    if (command == "insert" || command == "streams") {
      const bool dirty = words.size() > 3 && words[3] == "dirty";
      return cache_.Insert(key, NumberOf(words, 2), dirty) == (command == "insert");
    }
    if (command == "touch") return cache_.Touch(key);
    if (command == "misses") return !cache_.Contains(key) && !cache_.Touch(key);
    if (command == "dirty") return cache_.MarkDirty(key) && cache_.IsDirty(key);
    if (command == "clean") return cache_.MarkClean(key) && !cache_.IsDirty(key);
    if (command == "pin") return cache_.Pin(key);
    if (command == "unpin") return cache_.Unpin(key);
    if (command == "erase") return cache_.Erase(key);
    if (command == "hold") return held_.insert(key).second;
    if (command == "release") return held_.erase(key) > 0;
    if (command == "over") return cache_.OverLimit();
    if (command == "fits") return !cache_.OverLimit();
    if (command == "room")
      return MakeRoom(NumberOf(words, 1)) == Words(words.begin() + 2, words.end());
    if (command == "asked") return asked_ == Words(words.begin() + 1, words.end());
    if (command == "stat") return Stat(key) == NumberOf(words, 2);
    if (command == "clear") {
      cache_.Clear();
      return true;
    }
    ADD_FAILURE() << "no such command";
    return false;
  }

  uint64_t Stat(const std::string& name) const {
    const CacheStats stats = cache_.stats();
    const std::map<std::string, uint64_t> all = {
        {"hits", stats.hits},
        {"misses", stats.misses},
        {"evictions", stats.evictions},
        {"evicted_bytes", stats.evicted_bytes},
        {"spills", stats.spills},
        {"spilled_bytes", stats.spilled_bytes},
        {"refusals", stats.refusals},
        {"streamed", stats.streamed},
        {"entries", stats.entries},
        {"cached_bytes", stats.cached_bytes},
        {"dirty_bytes", stats.dirty_bytes},
        {"pinned_bytes", stats.pinned_bytes},
        {"held_bytes", stats.held_bytes},
        {"peak_bytes", stats.peak_bytes},
    };
    const auto it = all.find(name);
    EXPECT_NE(it, all.end()) << "no counter " << name;
    return it == all.end() ? 0 : it->second;
  }

  CachePolicy cache_;
  std::set<std::string> held_;
  std::vector<std::string> gone_;   // by the last room
  std::vector<std::string> asked_;  // likewise
};

void RunScript(std::string_view text) { Script().Run(text); }

TEST(CachePolicy, WithoutLimitNothingGoes) {
  RunScript("insert a 1152921504606846976, insert b 1152921504606846976 dirty, fits");
  RunScript("insert a 18446744073709551615, room 18446744073709551615");
}

TEST(CachePolicy, LeastRecentlyUsedGoesFirst) {
  RunScript(R"(
    limit 30, insert a 10, insert b 10, insert c 10, room 0
    touch a
    insert d 10, room 0 [b]
    misses b)");
}

TEST(CachePolicy, DirtyGoesAfterAllClean) {
  RunScript(R"(
    insert a 10 dirty, insert b 10, insert c 10 dirty, insert d 10
    limit 0, room 0 [b d a* c*])");
}

TEST(CachePolicy, MarkingMovesBetweenTheOrdersAndCountsAsUse) {
  RunScript(R"(
    insert a 10, insert b 10, insert c 10 dirty
    dirty a, clean c
    limit 0, room 0 [b c a*])");
  CachePolicy empty;
  EXPECT_FALSE(empty.MarkDirty("x") || empty.MarkClean("x") || empty.IsDirty("x"));
}

TEST(CachePolicy, RoomIsMadeBeforeBytesArrive) {
  RunScript(R"(
    limit 30, insert a 10, insert b 10, insert c 10, fits
    room 15 [a b]
    room 20
    room 18446744073709551615 [c])");
}

TEST(CachePolicy, LargerThanTheLimitIsStreamed) {
  RunScript(R"(
    limit 30, insert a 30, streams b 31
    misses b, touch a
    streams a 31 dirty, misses a
    stat streamed 2, stat cached_bytes 0)");
}

TEST(CachePolicy, PinnedIsNotProposedUntilTheLastUnpin) {
  RunScript(R"(
    insert a 10, insert b 10
    pin a, pin a, stat pinned_bytes 10
    limit 0, room 0 [b]
    unpin a, room 0, over
    unpin a, stat pinned_bytes 0, room 0 [a])");
  CachePolicy cache;
  ASSERT_TRUE(cache.Insert("a", 10, false));
  EXPECT_FALSE(cache.Unpin("a")) << "it has no pin";
  EXPECT_FALSE(cache.Pin("x") || cache.Unpin("x"));
}

TEST(CachePolicy, PinsOutliveANewValueButNotAnErase) {
  RunScript(R"(
    insert a 10, pin a
    insert a 20 dirty, stat pinned_bytes 20
    erase a, misses a, stat pinned_bytes 0
    insert a 10, limit 0, room 0 [a])");
}

TEST(CachePolicy, HeldIsSkippedAndAskedAgainInTheNextRound) {
  RunScript(R"(
    limit 30, insert a 10, insert b 10, insert c 10
    hold a, room 10 [b], asked a b, stat held_bytes 10
    release a, room 20 [a], stat held_bytes 0)");
}

TEST(CachePolicy, ARoundEndsWhenAllAreHeld) {
  RunScript(R"(
    insert a 10, insert b 10 dirty, hold a, hold b
    limit 10, room 0, asked a b, over
    stat held_bytes 20, stat refusals 2
    touch a, stat held_bytes 10)");  // used again: no longer known to be held
}

TEST(CachePolicy, CountersTellWhatHappened) {
  RunScript(R"(
    limit 25, insert a 10, insert b 10 dirty, touch a, misses x
    insert c 15, room 0 [a]
    insert d 5 dirty, room 10 [c], room 20 [b*]
    stat hits 1, stat misses 1
    stat evictions 2, stat evicted_bytes 25, stat spills 1, stat spilled_bytes 10
    stat entries 1, stat cached_bytes 5, stat dirty_bytes 5, stat peak_bytes 35)");
}

TEST(CachePolicy, ClearForgetsEntriesAndKeepsCounters) {
  RunScript(R"(
    insert a 10 dirty, insert b 10, pin b
    clear, misses a
    stat entries 0, stat cached_bytes 0, stat dirty_bytes 0, stat pinned_bytes 0
    stat peak_bytes 20
    insert c 10, limit 0, room 0 [c])");
}

TEST(CachePolicy, EmptyArraysAreEntries) {
  RunScript("limit 0, insert a 0, touch a, fits, room 0");
}

// S3-FIFO: what is used again and again survives a pass over much else; least recently used does
// not keep it.
TEST(CachePolicy, APassDoesNotPushOutWhatIsInConstantUse) {
  constexpr std::string_view kUse = R"(
    limit 10, insert a 1, insert b 1, touch a, touch b, touch a, touch b)";
  for (const bool resistant : {false, true}) {
    Script script(resistant ? NewS3Fifo : NewLru);
    script.Run(kUse);
    for (int i = 0; i < 100; ++i) {
      script.MakeRoom(1);
      ASSERT_TRUE(script.cache().Insert(absl::StrCat("pass ", i), 1, false));
    }
    EXPECT_EQ(script.cache().Contains("a"), resistant);
    EXPECT_EQ(script.cache().Contains("b"), resistant);
  }
}

TEST(CachePolicy, S3FifoTakesALoadAndASaveForOneUse) {
  Script script(NewS3Fifo);
  script.Run(R"(
    limit 4, insert a 1, insert a 1 dirty, insert b 1, insert b 1 dirty
    insert c 1, insert c 1 dirty, insert d 1, insert d 1 dirty
    room 1 [a*], room 2 [b*])");
}

TEST(CachePolicy, S3FifoKeepsWhatComesBackSoon) {
  Script script(NewS3Fifo);
  script.Run(R"(
    limit 4, insert a 1, insert b 1, insert c 1, insert d 1
    room 1 [a], insert a 1
    room 1 [b], insert e 1
    room 1 [c], insert f 1
    room 1 [d], insert g 1
    room 1 [e], touch a)");
}

TEST(CachePolicy, WithoutAnAnswerTheSameIsProposed) {
  for (auto* order : {NewLru, NewS3Fifo}) {
    Script script(order);
    CachePolicy& cache = script.cache();
    script.Run("insert a 10, insert b 10, limit 0");
    EXPECT_EQ(cache.NextVictim()->key, "a");
    EXPECT_EQ(cache.NextVictim()->key, "a");
    cache.Refuse("b");  // not the one proposed
    EXPECT_EQ(cache.NextVictim()->key, "a");
  }
}

TEST(CachePolicy, AUseVoidsTheProposal) {
  Script script;
  CachePolicy& cache = script.cache();
  script.Run("insert a 10, insert b 10, limit 0");
  EXPECT_EQ(cache.NextVictim()->key, "a");
  EXPECT_TRUE(cache.Touch("a"));
  cache.Refuse("a");
  script.Run("stat refusals 0");
  EXPECT_EQ(cache.NextVictim()->key, "b");
}

TEST(CachePolicy, ErasingTheProposedEntryIsSafe) {
  Script script;
  CachePolicy& cache = script.cache();
  script.Run("insert a 10, insert b 10, limit 0");
  EXPECT_EQ(cache.NextVictim()->key, "a");
  cache.Erase("a");
  cache.Refuse("a");
  cache.Evict("a");
  script.Run("room 0 [b], stat evictions 1");
}

TEST(CachePolicy, ManyHeldEntriesAreAskedAFewPerRoundAndAllInTurn) {
  constexpr int kHeld = 3 * CachePolicy::kMaxRepeatedRefusals + 7;
  Script script;
  for (int i = 0; i < kHeld; ++i) {
    script.Run(absl::StrCat("insert held", i, " 1, hold held", i));
  }
  script.Run(absl::StrCat("limit ", kHeld, ", room 1"));
  EXPECT_EQ(script.asked().size(), kHeld);

  std::set<std::string> asked_again;
  for (int round = 0; round < 4; ++round) {
    script.Run("room 1");
    EXPECT_LE(script.asked().size(), CachePolicy::kMaxRepeatedRefusals);
    asked_again.insert(script.asked().begin(), script.asked().end());
  }
  EXPECT_EQ(asked_again.size(), kHeld);
  // What was never refused is found behind all of them.
  script.Run("insert free 1, room 0 [free]");
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
  bool MayGo(const std::string& key, const std::set<std::string>& held) {
    return Contains(key) && Find(key)->pins == 0 && held.count(key) == 0;
  }

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
  RandomRun(uint32_t seed, bool resistant)
      : random_(seed),
        exact_(!resistant),
        cache_(kLimit, resistant ? NewS3Fifo : NewLru),
        model_(kLimit) {}

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
    bool dirty_went = false;
    while (std::optional<CachePolicy::Victim> victim = cache_.NextVictim(incoming)) {
      const std::string key(victim->key);
      if (held_.count(key) > 0) {
        cache_.Refuse(victim->key);
        continue;
      }
      EXPECT_TRUE(cache_.OverLimit(incoming)) << "no more goes than has to";
      EXPECT_TRUE(victim->dirty || !dirty_went) << "clean ones first";
      dirty_went = victim->dirty;
      gone.push_back(key);
      cache_.Evict(victim->key);
    }
    if (exact_) {
      EXPECT_EQ(gone, model_.MakeRoom(incoming, held_));
      return;
    }
    // Another order, but as far as it could.
    for (const std::string& key : gone) {
      EXPECT_TRUE(model_.MayGo(key, held_)) << key;
      model_.Erase(key);
    }
    if (cache_.OverLimit(incoming)) {
      EXPECT_THAT(model_.MakeRoom(incoming, held_), IsEmpty());
    }
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
  const bool exact_;  // whether the order is the model's
  CachePolicy cache_;
  Model model_;
  std::set<std::string> held_;
};

TEST(CachePolicyRandomTest, AgreesWithTheModel) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    RandomRun run(seed, /*resistant=*/seed % 2 == 1);
    for (int step = 0; step < 1000; ++step) {
      run.Step();
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace numpack
