// Appending, replacing and dropping rows, each call a commit, of arrays that begin with range(0)
// bytes. Rows are of 400 bytes.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "bench/checked.h"
#include "bench/temporary_store.h"
#include "benchmark/benchmark.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int64_t kSmall = 80'000;
constexpr int64_t kLarge = 8'000'000;
constexpr int64_t kHuge = 40'000'000;
constexpr int64_t kRowBytes = kColumns * static_cast<int64_t>(sizeof(float));
constexpr int64_t kRowsMoved = 100;

void BM_Append100Rows(benchmark::State& state) {
  TemporaryStore store(state);
  std::vector<float> values = Values(state.range(0));
  std::vector<float> block = Values(kRowsMoved * kRowBytes, -1e6f);
  if (state.skipped() || !Ok(state, store->Save(kName, Rows(values)))) return;
  while (state.KeepRunning()) {
    if (!Ok(state, store->Append(kName, Rows(block)))) return;
  }
  for (int64_t i = 0; i < state.iterations(); ++i) {
    values.insert(values.end(), block.begin(), block.end());
  }
  ExpectStored(state, store, values);
  state.SetBytesProcessed(state.iterations() * kRowsMoved * kRowBytes);
}
// A fixed number: what an append costs depends on how far the array has grown.
BENCHMARK(BM_Append100Rows)->Arg(kSmall)->Arg(kLarge)->Arg(kHuge)->Iterations(1000)->UseRealTime();

enum class Which { kContiguous, kScattered };

void BM_Replace100Rows(benchmark::State& state, Which which) {
  TemporaryStore store(state);
  std::vector<float> values = Values(state.range(0));
  if (state.skipped() || !Ok(state, store->Save(kName, Rows(values)))) return;
  const int64_t step = which == Which::kScattered ? state.range(0) / kRowBytes / kRowsMoved : 1;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < kRowsMoved; ++i) rows.push_back(i * step);
  std::vector<float> block;
  float first = 0;
  while (state.KeepRunning()) {
    state.PauseTiming();
    block = Values(kRowsMoved * kRowBytes, first -= 1);
    const ArrayView view = *Erase(Rows(block));
    state.ResumeTiming();
    if (!Ok(state, store->ReplaceRows(kName, rows, view))) return;
  }
  for (int64_t i = 0; i < kRowsMoved; ++i) {
    std::copy_n(block.begin() + i * kColumns, kColumns,
                values.begin() + rows[static_cast<size_t>(i)] * kColumns);
  }
  ExpectStored(state, store, values);
  state.SetBytesProcessed(state.iterations() * kRowsMoved * kRowBytes);
}
BENCHMARK_CAPTURE(BM_Replace100Rows, contiguous, Which::kContiguous)
    ->Arg(kSmall)
    ->Arg(kLarge)
    ->Arg(kHuge)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_Replace100Rows, scattered, Which::kScattered)
    ->Arg(kSmall)
    ->Arg(kLarge)
    ->Arg(kHuge)
    ->UseRealTime();

// Every 20th of the rows that are left, up to 100 of them.
void BM_DropRows(benchmark::State& state) {
  constexpr int64_t kStep = 20;
  TemporaryStore store(state);
  std::vector<float> values = Values(state.range(0));
  if (state.skipped() || !Ok(state, store->Save(kName, Rows(values)))) return;
  auto left = static_cast<int64_t>(values.size()) / kColumns;
  std::vector<int64_t> rows;
  int64_t dropped = 0;
  while (state.KeepRunning()) {
    state.PauseTiming();
    rows.clear();
    for (int64_t row = 0; row < std::min(left, kStep * kRowsMoved); row += kStep)
      rows.push_back(row);
    state.ResumeTiming();
    if (!Ok(state, store->DropRows(kName, rows))) return;
    state.PauseTiming();
    dropped += static_cast<int64_t>(rows.size());
    left -= static_cast<int64_t>(rows.size());
    auto kept = values.begin();
    for (auto row = values.begin(); row != values.end(); row += kColumns) {
      const int64_t number = (row - values.begin()) / kColumns;
      if (number % kStep == 0 && number < kStep * static_cast<int64_t>(rows.size())) continue;
      if (kept != row) std::copy_n(row, kColumns, kept);
      kept += kColumns;
    }
    values.erase(kept, values.end());
    state.ResumeTiming();
  }
  ExpectStored(state, store, values);
  state.SetItemsProcessed(dropped);
}
// A fixed number: the array becomes smaller.
BENCHMARK(BM_DropRows)->Arg(kSmall)->Arg(kLarge)->Arg(kHuge)->Iterations(20)->UseRealTime();

}  // namespace
}  // namespace numpack
