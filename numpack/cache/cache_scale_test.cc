// A million entries: every operation of the cache costs the same as with a few.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "numpack/cache/cache_policy.h"
#include "numpack/cache/eviction_policy.h"

namespace numpack {
namespace {

class CachePolicyScaleTest : public ::testing::TestWithParam<EvictionPolicyFactory> {};

// An operation that walked over all entries would take hours here.
TEST_P(CachePolicyScaleTest, AMillionHeldEntriesDoNotSlowDownEachInsert) {
  constexpr int kEntries = 1'000'000;
  constexpr int kLimit = 900'000;
  CachePolicy cache(kLimit, GetParam());
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

// The same without held ones: every insert evicts.
TEST_P(CachePolicyScaleTest, AMillionEvictions) {
  CachePolicy cache(/*limit_bytes=*/500'000, GetParam());
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string key = std::to_string(i % 700'000);
    if (cache.Touch(key)) continue;
    while (std::optional<CachePolicy::Victim> victim = cache.NextVictim(1))
      cache.Evict(victim->key);
    ASSERT_TRUE(cache.Insert(key, 1, i % 2 == 0));
  }
  EXPECT_EQ(cache.stats().entries, 500'000);
}

INSTANTIATE_TEST_SUITE_P(Lru, CachePolicyScaleTest, ::testing::Values(NewLru));
INSTANTIATE_TEST_SUITE_P(S3Fifo, CachePolicyScaleTest, ::testing::Values(NewS3Fifo));

}  // namespace
}  // namespace numpack
