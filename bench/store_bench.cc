// What the calls of a store cost: save, load and view of a small and of a large array, a commit at
// each durability level, and a batch with and without a limit. Of one program with rows_bench.cc
// and scale_bench.cc. Every benchmark checks its result after the timing; a wrong one makes the
// program fail.
//
// Stores lie in the system's folder for temporary files. kRelaxed is the default level; only kFull
// waits for the disk at every commit.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/checked.h"
#include "bench/temporary_store.h"
#include "benchmark/benchmark.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int64_t kSmall = 80'000;
constexpr int64_t kLarge = 8'000'000;
constexpr int64_t kHuge = 40'000'000;

void Save(benchmark::State& state, bool checksum) {
  StoreOptions options;
  options.checksum = checksum;
  TemporaryStore store(state, options);
  std::vector<float> values = Values(state.range(0));
  while (state.KeepRunning()) {
    values[0] += 1;
    if (!Ok(state, store->Save(kName, Rows(values)))) return;
  }
  ExpectStored(state, store, values);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_Save(benchmark::State& state) { Save(state, /*checksum=*/false); }
BENCHMARK(BM_Save)->Arg(kSmall)->Arg(kLarge)->Arg(kHuge)->UseRealTime();

void BM_SaveWithChecksum(benchmark::State& state) { Save(state, /*checksum=*/true); }
BENCHMARK(BM_SaveWithChecksum)->Arg(kSmall)->Arg(kLarge)->Arg(kHuge)->UseRealTime();

void BM_Load(benchmark::State& state) {
  TemporaryStore store(state);
  std::vector<float> values = Values(state.range(0));
  if (state.skipped() || !Ok(state, store->Save(kName, Rows(values)))) return;
  while (state.KeepRunning()) {
    absl::StatusOr<Array<float>> array = store->Load<float>(kName);
    if (!Ok(state, array.status())) return;
    benchmark::DoNotOptimize(array->data());
  }
  const absl::StatusOr<Array<float>> array = store->Load<float>(kName);
  Expect(state,
         array.ok() && std::equal(values.begin(), values.end(), array->begin(), array->end()),
         "loaded something else than was saved");
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Load)->Arg(kSmall)->Arg(kLarge)->UseRealTime();

// No bytes move: the time must not depend on the size.
void BM_View(benchmark::State& state) {
  TemporaryStore store(state);
  std::vector<float> values = Values(state.range(0));
  if (state.skipped() || !Ok(state, store->Save(kName, Rows(values)))) return;
  while (state.KeepRunning()) {
    absl::StatusOr<Array<const float>> array = store->View<float>(kName);
    if (!Ok(state, array.status())) return;
    benchmark::DoNotOptimize(array->data());
  }
  ExpectStored(state, store, values);
}
BENCHMARK(BM_View)->Arg(kSmall)->Arg(kLarge)->UseRealTime();

// A commit of 200 bytes: latency, not throughput.
void BM_Commit(benchmark::State& state, Durability durability) {
  StoreOptions options;
  options.durability = durability;
  TemporaryStore store(state, options);
  std::vector<float> values = Values(200);
  while (state.KeepRunning()) {
    values[0] += 1;
    if (!Ok(state, store->Save(kName, MakeView(values)))) return;
  }
  ExpectStored(state, store, values);
}
BENCHMARK_CAPTURE(BM_Commit, none, Durability::kNone)->UseRealTime();
BENCHMARK_CAPTURE(BM_Commit, relaxed, Durability::kRelaxed)->UseRealTime();
BENCHMARK_CAPTURE(BM_Commit, full, Durability::kFull)->UseRealTime();

// Loads, doubles and saves 1,000 arrays of 80 KB in one batch, with a memory limit of range(0)
// percent of them (0: no limit). What is above a tenth of the data is spilled; the bar is 1.5 times
// the time without a limit.
void BM_BatchOfThousand(benchmark::State& state) {
  constexpr int kArrays = 1000;
  TemporaryStore store(state);
  if (state.skipped()) return;
  std::vector<float> values = Values(kSmall);
  std::vector<std::string> names;
  for (int i = 0; i < kArrays; ++i) {
    names.push_back(absl::StrCat("array_", i));
    if (!Ok(state, store->Save(names.back(), Rows(values)))) return;
  }
  BatchOptions options;
  if (state.range(0) > 0) {
    options.memory_limit_bytes = static_cast<uint64_t>(kArrays * kSmall * state.range(0) / 100);
  }
  BatchStats stats;
  float factor = 1;
  while (state.KeepRunning()) {
    absl::StatusOr<Batch> batch = store->BeginBatch(options);
    if (!Ok(state, batch.status())) return;
    for (const std::string& name : names) {
      absl::StatusOr<Array<float>> array = batch->Load<float>(name);
      if (!Ok(state, array.status())) return;
      for (float& value : *array) value *= 2;
      if (!Ok(state, batch->Save(name, *array))) return;
    }
    if (!Ok(state, batch->Commit())) return;
    stats = batch->stats();
    factor *= 2;
    if (factor > 1e9f) {  // floats end some time: start again, outside the timing
      state.PauseTiming();
      for (const std::string& name : names) {
        if (!Ok(state, store->Save(name, Rows(values)))) return;
      }
      factor = 1;
      state.ResumeTiming();
    }
  }
  for (const std::string& name : names) {
    const absl::StatusOr<Array<const float>> found = store->View<float>(name);
    if (!Ok(state, found.status())) return;
    Expect(state,
           std::equal(values.begin(), values.end(), found->begin(), found->end(),
                      [factor](float before, float after) { return after == before * factor; }),
           "the batch did not store what it should");
  }
  Expect(state, state.range(0) == 0 || stats.peak_bytes <= *options.memory_limit_bytes,
         "the limit did not hold");
  state.counters["spilled_MB"] = static_cast<double>(stats.spilled_bytes) / 1e6;
  state.SetBytesProcessed(state.iterations() * kArrays * kSmall);
}
BENCHMARK(BM_BatchOfThousand)->ArgName("limit")->Arg(0)->Arg(10)->UseRealTime();

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) { return numpack::RunChecked(argc, argv); }
