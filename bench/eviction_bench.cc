// What each eviction policy keeps on the access patterns of batches, and what its bookkeeping
// costs.
//
// An access is a load, and with "save" a save after it, as in "load, change, save". No array is
// moved: the counters say how many of the loads would have been answered from memory ("hits", of
// 100) and how many changed arrays would have been written ahead for each 100 loads ("spills"). The
// time is that of the bookkeeping alone.
//
//   loop    all arrays in turn, several times over
//   zipf    array i with a probability that falls as 1 / i
//   phases  a small set used at random, then one pass over all the others, and so on
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "numpack/cache/cache_policy.h"
#include "numpack/cache/eviction_policy.h"

namespace numpack {
namespace {

constexpr int kArrays = 1000;
constexpr int kAccesses = 20 * kArrays;

using Accesses = std::vector<int>;

Accesses Loop() {
  Accesses all;
  for (int i = 0; i < kAccesses; ++i) all.push_back(i % kArrays);
  return all;
}

Accesses Zipf() {
  std::vector<double> weights;
  for (int i = 1; i <= kArrays; ++i) weights.push_back(1.0 / i);
  std::mt19937 random(1);
  std::discrete_distribution<int> pick(weights.begin(), weights.end());
  Accesses all;
  for (int i = 0; i < kAccesses; ++i) all.push_back(pick(random));
  return all;
}

// The small set is a twentieth of all arrays.
Accesses Phases() {
  constexpr int kHot = kArrays / 20;
  std::mt19937 random(1);
  std::uniform_int_distribution<int> pick(0, kHot - 1);
  Accesses all;
  while (all.size() < kAccesses) {
    for (int i = 0; i < 5 * kHot; ++i) all.push_back(pick(random));
    for (int i = kHot; i < kArrays; ++i) all.push_back(i);
  }
  return all;
}

// Room for `incoming` bytes.
void MakeRoom(CachePolicy& cache, uint64_t incoming) {
  while (const std::optional<CachePolicy::Victim> victim = cache.NextVictim(incoming)) {
    cache.Evict(victim->key);
  }
}

CacheStats Replay(const Accesses& accesses, const std::vector<std::string>& names, uint64_t limit,
                  bool save, const EvictionPolicyFactory& order) {
  CachePolicy cache(limit, order);
  for (const int access : accesses) {
    const std::string& name = names[static_cast<size_t>(access)];
    if (!cache.Touch(name)) {
      MakeRoom(cache, 1);
      benchmark::DoNotOptimize(cache.Insert(name, 1, /*dirty=*/false));
    }
    if (save) benchmark::DoNotOptimize(cache.Insert(name, 1, /*dirty=*/true));
  }
  return cache.stats();
}

// range(0): room for so many of 100 arrays. range(1): whether each is saved.
void BM_Eviction(benchmark::State& state, Accesses (*pattern)(),
                 const EvictionPolicyFactory& order) {
  std::vector<std::string> names;
  for (int i = 0; i < kArrays; ++i) names.push_back(absl::StrCat("array_", i));
  const Accesses accesses = pattern();
  const auto limit = static_cast<uint64_t>(kArrays * state.range(0) / 100);
  CacheStats stats;
  for (auto unused : state) {
    stats = Replay(accesses, names, limit, state.range(1) != 0, order);
  }
  if (stats.hits + stats.misses != accesses.size() || stats.cached_bytes > limit) {
    state.SkipWithError("the cache lost count");
  }
  const double each = 100.0 / static_cast<double>(accesses.size());
  state.counters["hits"] = static_cast<double>(stats.hits) * each;
  state.counters["spills"] = static_cast<double>(stats.spills) * each;
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(accesses.size()));
}

#define EVICTION_BENCHMARK(pattern, Pattern)                            \
  BENCHMARK_CAPTURE(BM_Eviction, pattern##_lru, Pattern, NewLru)        \
      ->ArgNames({"room", "save"})                                      \
      ->ArgsProduct({{5, 10, 50, 90}, {0, 1}});                         \
  BENCHMARK_CAPTURE(BM_Eviction, pattern##_s3_fifo, Pattern, NewS3Fifo) \
      ->ArgNames({"room", "save"})                                      \
      ->ArgsProduct({{5, 10, 50, 90}, {0, 1}})
EVICTION_BENCHMARK(loop, Loop);
EVICTION_BENCHMARK(zipf, Zipf);
EVICTION_BENCHMARK(phases, Phases);

// The cost of one access with room for range(0) arrays among twice as many, at random: half of them
// are found, and marked anew; for the others something has to go. It must not grow with the number,
// but for the processor's caches.
void BM_Access(benchmark::State& state, const EvictionPolicyFactory& order) {
  const auto entries = static_cast<uint64_t>(state.range(0));
  std::vector<std::string> names;
  for (uint64_t i = 0; i < 2 * entries; ++i) names.push_back(absl::StrCat("array_", i));
  CachePolicy cache(entries, order);
  for (uint64_t i = 0; i < entries; ++i) {
    benchmark::DoNotOptimize(cache.Insert(names[i], 1, i % 2 == 0));
  }
  std::minstd_rand random(1);
  for (auto unused : state) {
    const uint64_t number = random();
    const std::string& name = names[number % names.size()];
    const bool dirty = number / names.size() % 2 == 0;
    if (cache.Touch(name)) {
      benchmark::DoNotOptimize(dirty ? cache.MarkDirty(name) : cache.MarkClean(name));
    } else {
      MakeRoom(cache, 1);
      benchmark::DoNotOptimize(cache.Insert(name, 1, dirty));
    }
  }
  if (cache.stats().entries != entries) state.SkipWithError("the cache is not full");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(BM_Access, lru, NewLru)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK_CAPTURE(BM_Access, s3_fifo, NewS3Fifo)->RangeMultiplier(10)->Range(1000, 1'000'000);

}  // namespace
}  // namespace numpack

BENCHMARK_MAIN();
