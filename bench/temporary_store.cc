#include "bench/temporary_store.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/checked.h"

namespace numpack {

TemporaryStore::TemporaryStore(benchmark::State& state, const StoreOptions& options)
    : options_(options) {
  std::error_code error;
  path_ = std::filesystem::temp_directory_path(error) /
          absl::StrCat("numpack_bench_", std::random_device()());
  Open(state);
}

TemporaryStore::~TemporaryStore() {
  store_.reset();
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

void TemporaryStore::Close(benchmark::State& state) {
  Ok(state, store_->Close());
  store_.reset();
}

void TemporaryStore::Open(benchmark::State& state) {
  absl::StatusOr<NumPack> store = NumPack::Open(path(), options_);
  if (Ok(state, store.status())) store_ = std::make_unique<NumPack>(*std::move(store));
}

void TemporaryStore::AddOthers(benchmark::State& state, int64_t count) {
  if (state.skipped()) return;
  std::vector<float> values = Values(200);
  const ArrayView view = *Erase(MakeView(values));
  absl::StatusOr<Transaction> many = store_->Begin();
  if (!Ok(state, many.status())) return;
  for (int64_t i = 0; i < count; ++i) {
    values[0] = static_cast<float>(i);
    if (!Ok(state, many->Save(OtherName(i), view))) return;
  }
  if (Ok(state, many->Commit())) Ok(state, store_->Flush());
}

std::string TemporaryStore::OtherName(int64_t i) { return absl::StrCat("other", i); }

std::vector<float> Values(int64_t bytes, float first) {
  std::vector<float> values(static_cast<size_t>(bytes) / sizeof(float));
  std::iota(values.begin(), values.end(), first);
  return values;
}

View<float> Rows(std::vector<float>& values) {
  return MakeView(values, {static_cast<int64_t>(values.size()) / kColumns, kColumns});
}

void ExpectStored(benchmark::State& state, const TemporaryStore& store,
                  const std::vector<float>& values) {
  if (state.skipped()) return;
  const absl::StatusOr<Array<const float>> found = store->View<float>(kName);
  if (!Ok(state, found.status())) return;
  Expect(state, std::equal(values.begin(), values.end(), found->begin(), found->end()),
         "the store does not hold what it should");
}

}  // namespace numpack
