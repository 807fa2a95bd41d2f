// The public interface, end to end, over the memory backend and over files.
#include "numpack/numpack.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

std::vector<float> Iota(size_t n, float first = 0) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), first);
  return values;
}

template <typename T>
std::vector<T> ToVector(const absl::StatusOr<Array<T>>& array) {
  if (!array.ok()) {
    ADD_FAILURE() << array.status();
    return {};
  }
  return std::vector<T>(array->begin(), array->end());
}

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))
#define EXPECT_OK(expression) EXPECT_EQ(absl::OkStatus(), (expression))

// The last one: files that are not mapped, so that every view is a copy.
enum class Place { kMemory, kFiles, kUnmapped };

// Whether writable views of files that are kept after their block no longer are the file's.
#if defined(_WIN32)
constexpr bool kViewsAreCutOff = false;  // MappedRegion::MakePrivate
#else
constexpr bool kViewsAreCutOff = true;
#endif

class NumPackTest : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    if (GetParam() == Place::kMemory) backend_ = NewMemoryBackend();
    path_ = absl::StrCat(testing::TempDir(), "/numpack_test_", static_cast<int>(GetParam()), "_",
                         testing::UnitTest::GetInstance()->random_seed(), "_",
                         reinterpret_cast<uintptr_t>(this), "_",
                         testing::UnitTest::GetInstance()->current_test_info()->line());
    Reopen();
  }

  NumPack Open(StoreOptions options = {}) {
    options.mappings = GetParam() != Place::kUnmapped;
    absl::StatusOr<NumPack> store = GetParam() == Place::kMemory ? NumPack::Open(backend_, options)
                                                                 : NumPack::Open(path_, options);
    EXPECT_OK(store.status());
    return *std::move(store);
  }
  void Reopen() {
    store_.reset();
    store_ = std::make_unique<NumPack>(Open());
  }

  bool CutsViewsOff() const {
    return GetParam() == Place::kUnmapped || (GetParam() == Place::kFiles && kViewsAreCutOff);
  }

  std::shared_ptr<Backend> backend_;
  std::string path_;
  std::unique_ptr<NumPack> store_;
};

TEST_P(NumPackTest, SaveLoadReopen) {
  std::vector<float> values = Iota(1000);
  ASSERT_OK(store_->Save("features", MakeView(values, {10, 100})));
  EXPECT_EQ(ToVector(store_->Load<float>("features")), values);
  Reopen();
  const auto loaded = store_->Load<float>("features");
  ASSERT_OK(loaded.status());
  EXPECT_EQ(loaded->shape(), (Shape{10, 100}));
  EXPECT_EQ(ToVector(loaded), values);
  EXPECT_EQ(store_->List(), std::vector<std::string>{"features"});
  EXPECT_EQ(store_->Load<double>("features").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Load("nothing").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(NumPackTest, AllSizesAndShapesSurvive) {
  std::vector<std::pair<std::string, Shape>> shapes = {{"0-d", {}},
                                                       {"empty", {0}},
                                                       {"empty rows", {0, 3}},
                                                       {"empty columns", {3, 0}},
                                                       {"page", {1024}},
                                                       {"packed", {200, 250}},
                                                       {"own segment", {300, 400}},
                                                       {"large", {3, 1000, 1000}}};
  for (const auto& [name, shape] : shapes) {
    size_t n = 1;
    for (const int64_t axis : shape) n *= static_cast<size_t>(axis);
    std::vector<float> values = Iota(n, static_cast<float>(name.size()));
    ASSERT_OK(store_->Save(name, MakeView(values, shape)));
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& [name, shape] : shapes) {
      const auto loaded = store_->Load<float>(name);
      ASSERT_OK(loaded.status());
      EXPECT_EQ(loaded->shape(), shape);
      EXPECT_EQ(ToVector(loaded), Iota(loaded->size(), static_cast<float>(name.size()))) << name;
    }
    Reopen();
  }
}

TEST_P(NumPackTest, NamesAreKeptAndNeverReachTheFileSystem) {
  const std::vector<std::string> names = {
      "../x", "a/b",  "CON", std::string(300, 'n'),  "\xF0\x9F\x90\x8D",
      ".",    "nul.", " ",   std::string("a\0b", 3), "log.1"};
  std::vector<float> values = Iota(3);
  for (const std::string& name : names) ASSERT_OK(store_->Save(name, MakeView(values)));
  EXPECT_EQ(store_->Save("", MakeView(values)).code(), absl::StatusCode::kInvalidArgument);
  Reopen();
  EXPECT_EQ(store_->List(), names);
}

TEST_P(NumPackTest, ViewsKeepTheirValues) {
  std::vector<float> values = Iota(100'000);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  auto view = store_->View<float>("a");
  auto lazy = store_->Lazy("a");
  ASSERT_OK(view.status());
  ASSERT_OK(lazy.status());
  for (int i = 1; i < 20; ++i) {
    std::vector<float> others = Iota(100'000, static_cast<float>(i));
    ASSERT_OK(store_->Save("a", MakeView(others)));
    ASSERT_OK(store_->Save("b", MakeView(others)));
  }
  ASSERT_OK(store_->Remove("a"));
  EXPECT_EQ(std::vector<float>(view->begin(), view->end()), values);
  ASSERT_OK(store_->Close());
  EXPECT_EQ(std::vector<float>(view->begin(), view->end()), values);
  const auto rows = lazy->LoadRows({5, -1, 5});
  ASSERT_OK(rows.status());
  const auto typed = rows->As<float>();
  EXPECT_EQ(std::vector<float>(typed->begin(), typed->end()), (std::vector<float>{5, 99'999, 5}));
}

TEST_P(NumPackTest, AppendReplaceDrop) {
  std::vector<float> values = Iota(20);
  ASSERT_OK(store_->Save("a", MakeView(values, {10, 2})));
  std::vector<float> more = {100, 101, 102, 103};
  ASSERT_OK(store_->Append("a", MakeView(more, {2, 2})));
  std::vector<float> rows = {-1, -2, -3, -4, -5, -6};
  ASSERT_OK(store_->ReplaceRows("a", {7, 0, -1}, *Erase(MakeView(rows, {3, 2}))));
  ASSERT_OK(store_->DropRows("a", {1, 2, 3, 3, -2, 1000}));
  const std::vector<float> expected = {-3, -4, 8,  9,  10, 11, 12, 13,
                                       -1, -2, 16, 17, 18, 19, -5, -6};
  EXPECT_EQ(ToVector(store_->Load<float>("a")), expected);
  Reopen();
  EXPECT_EQ(ToVector(store_->Load<float>("a")), expected);

  EXPECT_TRUE(
      absl::StrContains(store_->Append("a", MakeView(more)).message(), "Dimension mismatch"));
  EXPECT_TRUE(
      absl::StrContains(store_->Append("a", MakeView(more, {1, 4})).message(), "Shape mismatch"));
  std::vector<double> doubles(2);
  EXPECT_TRUE(absl::StrContains(store_->Append("a", MakeView(doubles, {1, 2})).message(),
                                "Dtype mismatch"));
  EXPECT_EQ(store_->ReplaceRows("a", {8}, *Erase(MakeView(more, {1, 4}))).code(),
            absl::StatusCode::kInvalidArgument);
  std::vector<float> one = {1, 2};
  EXPECT_EQ(store_->ReplaceRows("a", {8}, *Erase(MakeView(one, {1, 2}))).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_P(NumPackTest, AppendingManyRowsGrowsInPlace) {
  std::vector<float> all;
  std::vector<float> none;
  ASSERT_OK(store_->Save("a", MakeView(none, {0, 50})));
  for (int i = 0; i < 3000; ++i) {
    std::vector<float> row = Iota(50, static_cast<float>(i));
    all.insert(all.end(), row.begin(), row.end());
    ASSERT_OK(store_->Append("a", MakeView(row, {1, 50})));
  }
  EXPECT_EQ(ToVector(store_->Load<float>("a")), all);
  Reopen();
  EXPECT_EQ(ToVector(store_->Load<float>("a")), all);
}

TEST_P(NumPackTest, OneSaveOfManyIsAllOrNothing) {
  std::vector<float> values = Iota(10);
  ArrayView good = *Erase(MakeView(values));
  ArrayView bad = good;
  bad.shape[0] = -1;
  EXPECT_FALSE(store_->Save({NamedView{"a", good}, NamedView{"b", bad}}).ok());
  EXPECT_TRUE(store_->List().empty());
  ASSERT_OK(store_->Save({NamedView{"a", good}, NamedView{"b", good}}));
  EXPECT_EQ(store_->List().size(), 2u);
}

TEST_P(NumPackTest, StridedViewsAreStoredInLogicalOrder) {
  std::vector<float> values = Iota(12);  // as (3, 4)
  ArrayView view = *Erase(MakeView(values, {3, 4}));
  std::swap(view.shape[0], view.shape[1]);  // transposed: (4, 3)
  std::swap(view.strides[0], view.strides[1]);
  ASSERT_OK(store_->Save("t", view));
  EXPECT_EQ(ToVector(store_->Load<float>("t")),
            (std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  ArrayView reversed = *Erase(MakeView(values));
  reversed.data += 11 * sizeof(float);
  reversed.strides[0] = -static_cast<int64_t>(sizeof(float));
  ASSERT_OK(store_->Save("r", reversed));
  EXPECT_EQ(ToVector(store_->Load<float>("r")),
            (std::vector<float>{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST_P(NumPackTest, HandlesShareOneState) {
  NumPack other = Open();
  std::vector<float> values = Iota(10);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  EXPECT_EQ(ToVector(other.Load<float>("a")), values);
  ASSERT_OK(store_->Close());
  EXPECT_EQ(store_->Load("a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ToVector(other.Load<float>("a")), values);
}

TEST_P(NumPackTest, BatchCommitsOnce) {
  std::vector<float> values = Iota(1000);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  const uint64_t commits = store_->storage()->stats().commits;
  auto batch = store_->BeginBatch();
  ASSERT_OK(batch.status());
  for (int i = 0; i < 10; ++i) {
    auto array = batch->Load<float>("a");
    ASSERT_OK(array.status());
    ASSERT_OK(InPlace(*array).Multiply(2.0f).Run());
    ASSERT_OK(batch->Save("a", *array));
  }
  EXPECT_EQ(batch->stats().hits, 9);
  EXPECT_EQ(batch->stats().misses, 1);
  EXPECT_EQ(ToVector(store_->Load<float>("a")), values);  // readers see the state before
  ASSERT_OK(batch->Commit());
  for (float& value : values) value *= 1024;
  EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
  EXPECT_EQ(store_->storage()->stats().commits, commits + 1);
  EXPECT_EQ(batch->Load("a").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(NumPackTest, BatchOperationsSeeThePendingState) {
  std::vector<float> values = Iota(4);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  auto batch = store_->BeginBatch();
  auto array = batch->Load<float>("a");
  ASSERT_OK(InPlace(*array).Multiply(2.0f).Run());
  ASSERT_OK(batch->Save("a", *array));
  std::vector<float> more = {100};
  ASSERT_OK(batch->Append("a", *Erase(MakeView(more))));
  EXPECT_EQ(ToVector(batch->Load<float>("a")), (std::vector<float>{0, 2, 4, 6, 100}));
  ASSERT_OK(batch->DropRows("a", {0}));
  ASSERT_OK(batch->Save("new", *NewHeapArray(DType::kInt8, {2, 2})));
  ASSERT_OK(batch->Clone("new", "copy"));
  ASSERT_OK(batch->Rename("copy", "renamed"));
  EXPECT_EQ(batch->List(), (std::vector<std::string>{"a", "new", "renamed"}));
  EXPECT_EQ(batch->Info("a")->shape, (Shape{4}));
  EXPECT_TRUE(batch->Contains("new"));
  EXPECT_FALSE(store_->Contains("new"));
  ASSERT_OK(batch->Remove("new"));
  EXPECT_FALSE(batch->Contains("new"));
  ASSERT_OK(batch->Commit());
  EXPECT_EQ(ToVector(store_->Load<float>("a")), (std::vector<float>{2, 4, 6, 100}));
  EXPECT_EQ(store_->List(), (std::vector<std::string>{"a", "renamed"}));
}

TEST_P(NumPackTest, BatchWithoutCommitDiscards) {
  std::vector<float> values = Iota(4);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  {
    auto batch = store_->BeginBatch();
    auto array = batch->Load<float>("a");
    (*array)[0] = 99;
    ASSERT_OK(batch->Save("a", *array));
  }
  EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
  ASSERT_OK(store_->Save("b", MakeView(values)));  // the writer's turn is free again
}

TEST_P(NumPackTest, BatchUnderALimitSpillsAndStaysRight) {
  constexpr int kArrays = 20;
  constexpr size_t kElements = 25'000;  // 100 KB
  for (int i = 0; i < kArrays; ++i) {
    std::vector<float> values = Iota(kElements, static_cast<float>(i));
    ASSERT_OK(store_->Save(absl::StrCat("a", i), MakeView(values)));
  }
  const uint64_t commits = store_->storage()->stats().commits;
  auto batch = store_->BeginBatch({/*memory_limit_bytes=*/350'000});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kArrays; ++i) {
      auto array = batch->Load<float>(absl::StrCat("a", i));
      ASSERT_OK(array.status());
      ASSERT_OK(InPlace(*array).Add(1.0f).Run());
      ASSERT_OK(batch->Save(absl::StrCat("a", i), *array));
      EXPECT_LE(batch->stats().cached_bytes, 350'000u);
    }
  }
  EXPECT_GT(batch->stats().spills, 0);
  ASSERT_OK(batch->Commit());
  EXPECT_EQ(store_->storage()->stats().commits, commits + 1);
  for (int i = 0; i < kArrays; ++i) {
    EXPECT_EQ(ToVector(store_->Load<float>(absl::StrCat("a", i))),
              Iota(kElements, static_cast<float>(i + 3)));
  }
}

TEST_P(NumPackTest, HeldArraysArePinnedUnderALimit) {
  std::vector<float> values = Iota(1000);
  for (int i = 0; i < 4; ++i) ASSERT_OK(store_->Save(absl::StrCat(i), MakeView(values)));
  auto batch = store_->BeginBatch({/*memory_limit_bytes=*/4000});
  std::vector<Array<float>> held;
  for (int i = 0; i < 4; ++i) held.push_back(*batch->Load<float>(absl::StrCat(i)));
  EXPECT_EQ(batch->stats().cached_bytes, 16'000u);
  EXPECT_GE(batch->stats().pinned_bytes, 8'000u);
  held.clear();
  ASSERT_OK(batch->Save("new", *NewHeapArray(DType::kFloat32, {10})));
  EXPECT_LE(batch->stats().cached_bytes, 4000u);
}

TEST_P(NumPackTest, NestedBatchesJoin) {
  std::vector<float> values = Iota(4);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  auto outer = store_->BeginBatch();
  auto array = outer->Load<float>("a");
  (*array)[0] = 7;
  ASSERT_OK(outer->Save("a", *array));
  {
    auto inner = store_->BeginBatch();
    EXPECT_EQ(inner->Load<float>("a")->data(), array->data());
    ASSERT_OK(inner->Commit());
  }
  EXPECT_EQ(ToVector(store_->Load<float>("a"))[0], 0);
  EXPECT_EQ(store_->BeginWritable().status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK(outer->Commit());
  EXPECT_EQ(ToVector(store_->Load<float>("a"))[0], 7);

  auto doomed = store_->BeginBatch();
  ASSERT_OK(doomed->Save("a", *NewHeapArray(DType::kInt8, {1})));
  { auto inner = store_->BeginBatch(); }
  EXPECT_EQ(doomed->Commit().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->Info("a")->dtype, DType::kFloat32);
}

TEST_P(NumPackTest, RecommendsAModeForAStoredArray) {
  std::vector<float> values = Iota(4);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  const auto recommended = store_->RecommendMode("a");
  ASSERT_OK(recommended.status());
  EXPECT_EQ(recommended->mode, BatchMode::kBatch);
  EXPECT_FALSE(recommended->reason.empty());
  EXPECT_EQ(store_->RecommendMode("nothing").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(NumPackTest, EndingABatchWhileOthersUseIt) {
  std::vector<float> values = Iota(100);
  ASSERT_OK(store_->Save("a", MakeView(values)));
  for (int round = 0; round < 200; ++round) {
    auto batch = store_->BeginBatch();
    ASSERT_OK(batch.status());
    std::thread other([&batch] {
      // Until the batch is over, and once more.
      while (batch->Load("a").ok()) batch->Cached("a");
      EXPECT_FALSE(batch->Contains("a"));
    });
    ASSERT_OK(batch->Commit());
    other.join();

    auto writable = store_->BeginWritable();
    ASSERT_OK(writable.status());
    std::thread another([&writable] {
      while (writable->Load("a").ok()) writable->LoadedNames();
    });
    ASSERT_OK(writable->Finish());
    another.join();
  }
}

// The view is as large as what is mapped, whatever is saved meanwhile.
TEST_P(NumPackTest, WritableLoadWhileTheShapeChanges) {
  std::vector<float> small(10);
  std::vector<float> large(300'000);
  ASSERT_OK(store_->Save("a", MakeView(small)));
  auto other = store_->Duplicate();
  ASSERT_OK(other.status());
  std::atomic<bool> over{false};
  std::thread saver([&] {
    while (!over) {
      // Refused while it is open for writing.
      other->Save("a", MakeView(small)).IgnoreError();
      other->Save("a", MakeView(large)).IgnoreError();
    }
  });
  for (int round = 0; round < 100; ++round) {
    auto writable = store_->BeginWritable();
    ASSERT_OK(writable.status());
    auto array = writable->Load<float>("a");
    ASSERT_OK(array.status());
    for (float& value : *array) value = 1;  // faults when the memory ends too early
    ASSERT_OK(writable->Finish());
  }
  over = true;
  saver.join();
}

TEST_P(NumPackTest, WritersWaitForEachOther) {
  NumPack other = Open();
  auto batch = store_->BeginBatch();
  ASSERT_OK(batch->Save("a", *NewHeapArray(DType::kInt8, {1})));
  // The wait limit is that of the store, 30 s by default: this store is opened anew with none.
  batch->Rollback();
  ASSERT_OK(batch->Commit());
  ASSERT_OK(other.Close());
  ASSERT_OK(store_->Close());
  StoreOptions options;
  options.lock_wait = absl::ZeroDuration();
  NumPack first = Open(options);
  NumPack second = Open(options);
  auto holding = first.BeginBatch();
  ASSERT_OK(holding->Save("a", *NewHeapArray(DType::kInt8, {1})));
  std::vector<float> values = Iota(4);
  EXPECT_EQ(second.Save("b", MakeView(values)).code(), absl::StatusCode::kUnavailable);
  ASSERT_OK(holding->Commit());
  EXPECT_OK(second.Save("b", MakeView(values)));
}

TEST_P(NumPackTest, WritableBatchChangesTheFile) {
  for (const size_t n : {size_t{3}, size_t{5000}, size_t{100'000}}) {
    std::vector<float> values = Iota(n);
    ASSERT_OK(store_->Save("a", MakeView(values)));
    std::vector<float> neighbour = Iota(5);
    ASSERT_OK(store_->Save("b", MakeView(neighbour)));
    const int64_t before = store_->Info("a")->modified_us;
    auto writable = store_->BeginWritable();
    ASSERT_OK(writable.status());
    auto array = writable->Load<float>("a");
    ASSERT_OK(array.status());
    EXPECT_EQ(writable->Load<float>("a")->data(), array->data());
    ASSERT_OK(InPlace(*array).Add(1.0f).Run());
    // Visible at once where it is the file.
    if (!store_->is_mapped()) {
      EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
      ASSERT_OK(store_->Flush());
    }
    EXPECT_EQ(ToVector(store_->Load<float>("a")), Iota(n, 1));
    EXPECT_OK(writable->Save("a", *Erase(array->view())));
    EXPECT_EQ(writable->Save("a", *Erase(MakeView(values))).code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(store_->Append("a", MakeView(values)).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_OK(store_->Append("b", MakeView(neighbour)));
    EXPECT_EQ(store_->BeginBatch().status().code(), absl::StatusCode::kFailedPrecondition);
    ASSERT_OK(writable->Finish());
    EXPECT_GT(store_->Info("a")->modified_us, before);
    EXPECT_EQ(ToVector(store_->Load<float>("b")).size(), 10u);
    // Kept after the end: readable, and stores go nowhere (where the backend can do that).
    EXPECT_EQ((*array)[2], 3.0f);
    if (CutsViewsOff()) {
      (*array)[2] = 99;
      EXPECT_EQ(ToVector(store_->Load<float>("a"))[2], 3.0f);
    }
    Reopen();
    EXPECT_EQ(ToVector(store_->Load<float>("a")), Iota(n, 1));
    EXPECT_TRUE(store_->Interrupted().empty());
  }
}

TEST_P(NumPackTest, AtomicWritableBatchChangesAllAtTheEnd) {
  for (const size_t n : {size_t{3}, size_t{100'000}}) {
    std::vector<float> values = Iota(n);
    ASSERT_OK(store_->Save("a", MakeView(values)));
    ASSERT_OK(store_->Save("b", MakeView(values)));
    WritableBatchOptions options;
    options.atomic = true;
    auto writable = store_->BeginWritable(options);
    ASSERT_OK(writable.status());
    auto a = writable->Load<float>("a");
    ASSERT_OK(a.status());
    ASSERT_OK(InPlace(*a).Add(1.0f).Run());
    {
      auto joined = store_->BeginWritable();  // one that does not ask joins
      ASSERT_OK(joined.status());
      EXPECT_TRUE(joined->atomic());
      auto b = joined->Load<float>("b");
      ASSERT_OK(b.status());
      ASSERT_OK(InPlace(*b).Add(1.0f).Run());
      ASSERT_OK(joined->Finish());
    }
    EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
    EXPECT_EQ(ToVector(store_->Load<float>("b")), values);
    EXPECT_TRUE(IsModeError(store_->BeginBatch().status()));
    ASSERT_OK(writable->Finish());
    EXPECT_EQ(ToVector(store_->Load<float>("b")), Iota(n, 1));
    // Kept after the end: readable, and stores go nowhere (where the backend can do that).
    EXPECT_EQ((*a)[2], 3.0f);
    if (CutsViewsOff()) (*a)[2] = 99;
    EXPECT_EQ(ToVector(store_->Load<float>("a")), Iota(n, 1));
    Reopen();
    EXPECT_EQ(ToVector(store_->Load<float>("a")), Iota(n, 1));
  }
  auto plain = store_->BeginWritable();
  ASSERT_OK(plain.status());
  WritableBatchOptions options;
  options.atomic = true;
  EXPECT_TRUE(IsModeError(store_->BeginWritable(options).status()));
  ASSERT_OK(plain->Finish());
  ASSERT_OK(store_->BeginWritable(options).status());
}

TEST_P(NumPackTest, VacuumGivesBackAndNotInABatch) {
  std::vector<float> values = Iota(2000);
  for (int i = 0; i < 100; ++i) ASSERT_OK(store_->Save(absl::StrCat(i), MakeView(values)));
  for (int i = 0; i < 99; ++i) ASSERT_OK(store_->Remove(absl::StrCat(i)));
  {
    auto batch = store_->BeginBatch();
    EXPECT_TRUE(IsModeError(store_->Vacuum().status()));
    ASSERT_OK(batch->Commit());
  }
  const auto report = store_->Vacuum();
  ASSERT_OK(report.status());
  EXPECT_LT(report->after_bytes, 100'000u);
  EXPECT_EQ(ToVector(store_->Load<float>("99")), values);
  ASSERT_OK(store_->Close());
  EXPECT_EQ(store_->Vacuum().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(NumPackTest, PickedRows) {
  std::vector<float> values = Iota(100'000);
  ASSERT_OK(store_->Save("a", MakeView(values, {1000, 100})));
  const auto expect = [&](const std::vector<int64_t>& rows, const std::vector<float>& first) {
    const auto lazy = store_->Lazy("a");
    ASSERT_OK(lazy.status());
    const auto picked = lazy->LoadRows(rows);
    ASSERT_OK(picked.status());
    EXPECT_EQ(picked->shape(), (Shape{static_cast<int64_t>(rows.size()), 100}));
    const std::vector<float> all = ToVector(picked->As<float>());
    ASSERT_EQ(all.size(), first.size() * 100);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(all[i * 100], first[i]) << i;
      EXPECT_EQ(all[i * 100 + 99], first[i] + 99) << i;
    }
  };
  expect({}, {});
  expect({5, 6, 7, -1, 3, 3}, {500, 600, 700, 99'900, 300, 300});
  ASSERT_OK(store_->DropRows("a", {6}));
  expect({4, 5, 6, 998, -999, 0}, {400, 500, 700, 99'900, 0, 0});
}

TEST_P(NumPackTest, RangesAndShapesOfLazyArrays) {
  std::vector<float> values = Iota(100'000);
  ASSERT_OK(store_->Save("a", MakeView(values, {1000, 100})));
  auto lazy = store_->Lazy("a");
  ASSERT_OK(lazy.status());
  EXPECT_EQ(lazy->is_mapped(), GetParam() != Place::kUnmapped);
  const auto first = [](const absl::StatusOr<AnyArray>& rows) {
    const std::vector<float> all = ToVector(rows->As<float>());
    return all.empty() ? -1.0f : all.front();
  };
  const auto range = lazy->LoadRange(10, 990);
  ASSERT_OK(range.status());
  EXPECT_TRUE(range->writable());
  EXPECT_EQ(range->shape(), (Shape{980, 100}));
  EXPECT_EQ(first(range), 1000);
  EXPECT_EQ(lazy->LoadRange(5, 5)->shape(), (Shape{0, 100}));
  for (const auto& [begin, end] : {std::pair(-1, 2), std::pair(3, 2), std::pair(0, 1001)}) {
    EXPECT_EQ(lazy->LoadRange(begin, end).status().code(), absl::StatusCode::kOutOfRange);
  }

  const auto reshaped = lazy->Reshaped({50, 20, 100});
  ASSERT_OK(reshaped.status());
  EXPECT_EQ(reshaped->shape(), (Shape{50, 20, 100}));
  EXPECT_EQ(lazy->shape(), (Shape{1000, 100}));
  EXPECT_EQ(first(reshaped->LoadRows({3})), 6000);
  EXPECT_EQ(first(reshaped->LoadRange(49, 50)), 98'000);
  EXPECT_EQ(lazy->Reshaped({7}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(lazy->Reshaped({-1}).status().code(), absl::StatusCode::kInvalidArgument);

  ASSERT_OK(store_->DropRows("a", {0, 500}));
  lazy = store_->Lazy("a");
  ASSERT_OK(lazy.status());
  EXPECT_EQ(first(lazy->LoadRange(0, 998)), 100);
  EXPECT_EQ(ToVector(lazy->LoadRange(498, 500)->As<float>())[100], 50'100);
  if (lazy->info().dropped != nullptr) {
    EXPECT_EQ(lazy->Reshaped({99'800}).status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_P(NumPackTest, TellsWhetherItIsMapped) {
  EXPECT_EQ(store_->is_mapped(), GetParam() != Place::kUnmapped);
  StoreOptions options;
  options.mappings = false;
  const absl::StatusOr<NumPack> second = GetParam() == Place::kMemory
                                             ? NumPack::Open(backend_, options)
                                             : NumPack::Open(path_, options);
  EXPECT_EQ(second.ok(), GetParam() == Place::kUnmapped) << second.status();
  std::vector<std::string> warnings;
  options.mappings = true;
  options.on_warning = [&](absl::string_view message) { warnings.emplace_back(message); };
  EXPECT_TRUE(Open(options).is_open());
  EXPECT_TRUE(warnings.empty()) << warnings[0];
}

TEST_P(NumPackTest, WritableBatchOfEmptyAnd0d) {
  std::vector<float> none;
  std::vector<float> one = {5};
  ASSERT_OK(store_->Save("none", MakeView(none, {0, 3})));
  ASSERT_OK(store_->Save("one", MakeView(one, {})));
  auto writable = store_->BeginWritable();
  const auto empty = writable->Load<float>("none");
  ASSERT_OK(empty.status());
  EXPECT_EQ(empty->shape(), (Shape{0, 3}));
  const auto scalar = writable->Load<float>("one");
  ASSERT_OK(scalar.status());
  (*scalar)[0] = 6;
  ASSERT_OK(writable->Finish());
  EXPECT_EQ(ToVector(store_->Load<float>("one")), std::vector<float>{6});
}

TEST_P(NumPackTest, SpaceIsUsedAgain) {
  std::vector<float> values = Iota(1'000'000);  // 4 MB
  for (int i = 0; i < 20; ++i) ASSERT_OK(store_->Save("a", MakeView(values)));
  const auto stats = store_->storage()->stats();
  EXPECT_LE(stats.live_bytes + stats.limbo_bytes + stats.free_bytes, 3 * 4'100'000u);
}

TEST_P(NumPackTest, LogIsChangedWhenItHasGrown) {
  std::vector<float> values = Iota(3);
  for (int i = 0; i < 12'000; ++i) {
    ASSERT_OK(store_->Save(absl::StrCat("a", i % 50), MakeView(values)));
  }
  EXPECT_LT(store_->storage()->stats().log_bytes, uint64_t{2} << 20);
  Reopen();
  EXPECT_EQ(store_->List().size(), 50u);
  EXPECT_EQ(ToVector(store_->Load<float>("a49")), values);
}

TEST_P(NumPackTest, ExportsToADirectoryOfNumPack07AndOpensIt) {
  if (GetParam() == Place::kMemory) GTEST_SKIP() << "exports go to files";
  const std::string exported = path_ + "_v1";
  std::vector<float> values = Iota(6);
  ASSERT_OK(store_->Save("a", MakeView(values, {2, 3})));
  ASSERT_OK(store_->ExportV1(exported));
  EXPECT_EQ(store_->ExportV1(exported).code(), absl::StatusCode::kFailedPrecondition);
  auto again = NumPack::Open(exported);
  ASSERT_OK(again.status());
  EXPECT_EQ(ToVector(again->Load<float>("a")), values);
  ASSERT_OK(again->Append("a", MakeView(values, {2, 3})));
  EXPECT_EQ(again->Info("a")->shape, (Shape{4, 3}));
  ASSERT_OK(store_->Close());
  EXPECT_EQ(store_->ExportV1(exported).code(), absl::StatusCode::kFailedPrecondition);
}

// Its bytes are gone once an array could not be put under its name: a second try must not publish
// the name without them.
TEST_P(NumPackTest, AWriterGivesUpAnArrayThatIsOpenInWritableMode) {
  std::vector<float> values = Iota(4);
  ASSERT_OK(store_->Save("a", MakeView(values, {2, 2})));
  {
    auto batch = store_->BeginWritable();
    ASSERT_OK(batch.status());
    ASSERT_OK(batch->Load<float>("a").status());
    auto writer = ArrayWriter::Begin(*store_);
    ASSERT_OK(writer.status());
    ASSERT_OK(writer->Start("a", DType::kFloat32, {1}));
    ASSERT_OK(writer->Write(absl::MakeConstSpan(reinterpret_cast<std::byte*>(values.data()), 4)));
    const absl::Status open = writer->Commit();
    EXPECT_EQ(open.code(), absl::StatusCode::kFailedPrecondition);
    ASSERT_OK(batch->Finish());
    EXPECT_EQ(writer->Commit(), open);
  }
  EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
}

TEST_P(NumPackTest, AnArrayComesInPieces) {
  const std::vector<float> values = Iota(1000);
  const auto bytes = absl::MakeConstSpan(reinterpret_cast<const std::byte*>(values.data()), 4000);
  auto writer = ArrayWriter::Begin(*store_);
  ASSERT_OK(writer.status());
  ASSERT_OK(writer->Start("a", DType::kFloat32, {100, 10}));
  for (size_t at = 0; at < bytes.size(); at += 999)
    ASSERT_OK(writer->Write(bytes.subspan(at, 999)));
  EXPECT_FALSE(store_->Contains("a"));
  ASSERT_OK(writer->Commit());
  EXPECT_EQ(store_->Info("a")->shape, (Shape{100, 10}));
  EXPECT_EQ(ToVector(store_->Load<float>("a")), values);
}

INSTANTIATE_TEST_SUITE_P(Memory, NumPackTest, testing::Values(Place::kMemory));
INSTANTIATE_TEST_SUITE_P(Files, NumPackTest, testing::Values(Place::kFiles));
INSTANTIATE_TEST_SUITE_P(Unmapped, NumPackTest, testing::Values(Place::kUnmapped));

}  // namespace
}  // namespace numpack
