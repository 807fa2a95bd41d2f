// Stores of range(0) arrays of 200 bytes: to open, to list, a commit of one of them, a batch over
// 1,000 of them. The last two must not grow with their number.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/checked.h"
#include "bench/temporary_store.h"
#include "benchmark/benchmark.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int64_t kMost = 100'000;

void BM_OpenWith(benchmark::State& state) {
  TemporaryStore store(state);
  store.AddOthers(state, state.range(0));
  while (!state.skipped() && state.KeepRunning()) {
    state.PauseTiming();
    store.Close(state);
    state.ResumeTiming();
    store.Open(state);
  }
  if (state.skipped()) return;
  const absl::StatusOr<Array<const float>> last =
      store->View<float>(TemporaryStore::OtherName(state.range(0) - 1));
  Expect(state, last.ok() && (*last)[0] == static_cast<float>(state.range(0) - 1),
         "the last array is not what was saved");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_OpenWith)->RangeMultiplier(10)->Range(10, kMost)->UseRealTime();

void BM_ListAmong(benchmark::State& state) {
  TemporaryStore store(state);
  store.AddOthers(state, state.range(0));
  std::vector<std::string> names;
  while (!state.skipped() && state.KeepRunning()) names = store->List();
  Expect(state, static_cast<int64_t>(names.size()) == state.range(0), "some names are missing");
  for (size_t i = 0; i < names.size(); ++i) {
    Expect(state, names[i] == TemporaryStore::OtherName(static_cast<int64_t>(i)),
           "names are not in the order of their first save");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ListAmong)->RangeMultiplier(10)->Range(10, kMost)->UseRealTime();

void BM_CommitAmong(benchmark::State& state) {
  TemporaryStore store(state);
  store.AddOthers(state, state.range(0));
  std::vector<float> values = Values(200);
  while (!state.skipped() && state.KeepRunning()) {
    values[0] += 1;
    if (!Ok(state, store->Save(kName, MakeView(values)))) return;
  }
  ExpectStored(state, store, values);
}
BENCHMARK(BM_CommitAmong)->RangeMultiplier(10)->Range(10, kMost)->UseRealTime();

void BM_BatchAmong(benchmark::State& state) {
  constexpr int64_t kTouched = 1000;
  TemporaryStore store(state);
  store.AddOthers(state, state.range(0));
  std::vector<int64_t> touched;
  for (int64_t i = 0; i < kTouched; ++i) touched.push_back(i * (state.range(0) / kTouched));
  while (!state.skipped() && state.KeepRunning()) {
    absl::StatusOr<Batch> batch = store->BeginBatch();
    if (!Ok(state, batch.status())) return;
    for (const int64_t i : touched) {
      const std::string name = TemporaryStore::OtherName(i);
      absl::StatusOr<Array<float>> array = batch->Load<float>(name);
      if (!Ok(state, array.status())) return;
      (*array)[1] += 1;
      if (!Ok(state, batch->Save(name, *array))) return;
    }
    if (!Ok(state, batch->Commit())) return;
  }
  for (const int64_t i : touched) {
    if (state.skipped()) return;
    const absl::StatusOr<Array<const float>> found =
        store->View<float>(TemporaryStore::OtherName(i));
    if (!Ok(state, found.status())) return;
    Expect(state,
           (*found)[0] == static_cast<float>(i) &&
               (*found)[1] == 1 + static_cast<float>(state.iterations()),
           "the batch did not store what it should");
  }
  state.SetItemsProcessed(state.iterations() * kTouched);
}
BENCHMARK(BM_BatchAmong)->RangeMultiplier(10)->Range(1000, kMost)->UseRealTime();

}  // namespace
}  // namespace numpack
