// What numpack_test.cc does not reach: several changes in one transaction, and lazy arrays.
#include "numpack/core/transaction.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/recording_backend.h"
#include "numpack/core/array_store.h"
#include "numpack/core/verify.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

std::vector<int32_t> Values(const absl::StatusOr<AnyArray>& array) {
  EXPECT_EQ(array.status(), absl::OkStatus());
  const auto typed = array->As<const int32_t>();
  return std::vector<int32_t>(typed->begin(), typed->end());
}

class TransactionTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = std::make_unique<ArrayStore>(*ArrayStore::Open(NewMemoryBackend()));
    std::vector<int32_t> values(20);
    std::iota(values.begin(), values.end(), 0);
    ASSERT_OK(store_->Save("a", MakeView(values, {10, 2})));
  }

  std::unique_ptr<ArrayStore> store_;
};

TEST_F(TransactionTest, ReadersSeeTheStateBefore) {
  auto transaction = store_->Begin();
  ASSERT_OK(transaction->DropRows("a", {0}));
  ASSERT_OK(transaction->Clone("a", "b"));
  EXPECT_EQ(transaction->Info("a")->shape, (Shape{9, 2}));
  EXPECT_EQ(store_->Info("a")->shape, (Shape{10, 2}));
  EXPECT_FALSE(store_->Contains("b"));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(store_->Info("b")->shape, (Shape{9, 2}));
  EXPECT_EQ(transaction->Remove("a").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TransactionTest, AFailingMethodChangesNothing) {
  auto transaction = store_->Begin();
  std::vector<int32_t> row = {1, 2};
  const ArrayView view = *Erase(MakeView(row, {1, 2}));
  EXPECT_EQ(transaction->ReplaceRows("a", {10}, view).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(transaction->ReplaceRows("a", {-11}, view).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(transaction->ReplaceRows("a", {1, 2}, view).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(transaction->Append("b", view).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(transaction->Clone("a", "a").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(transaction->Rename("b", "c").code(), absl::StatusCode::kNotFound);
  const uint64_t commits = store_->storage()->stats().commits;
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(store_->storage()->stats().commits, commits) << "nothing to publish, so no record";
}

// Arrays that are stored in one go.
class SaveAllTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    recording_ = std::make_shared<RecordingBackend>(NewMemoryBackend(), "boot 1");
    StoreOptions options;
    options.checksum = GetParam();
    store_ = std::make_unique<ArrayStore>(*ArrayStore::Open(recording_, options));
  }
  // Stores what was added, and compares everything with what it was.
  void Save() {
    std::vector<NamedView> views;
    for (const auto& [name, values] : added_) views.push_back({name, *Erase(MakeView(values))});
    ASSERT_OK(store_->Save(views));
    for (const auto& [name, values] : added_) expected_[name] = values;
    added_.clear();
    for (const auto& [name, values] : expected_) EXPECT_EQ(Values(store_->Load(name)), values);
    EXPECT_TRUE(Verify(*recording_)->clean());
  }
  void Add(const std::string& name, size_t count) {
    std::vector<int32_t> values(count);
    std::iota(values.begin(), values.end(), static_cast<int32_t>(1000 * added_.size()));
    added_.emplace_back(name, std::move(values));
  }
  // Writes to segments that were made since `before`.
  size_t Writes(size_t before) const {
    const std::vector<RecordedCall> calls = recording_->calls();
    return static_cast<size_t>(std::count_if(calls.begin() + static_cast<std::ptrdiff_t>(before),
                                             calls.end(), [](const RecordedCall& call) {
                                               return call.kind == RecordedCall::Kind::kWrite &&
                                                      absl::StartsWith(call.name, "segment.");
                                             }));
  }

  std::shared_ptr<RecordingBackend> recording_;
  std::unique_ptr<ArrayStore> store_;
  std::vector<std::pair<std::string, std::vector<int32_t>>> added_;
  std::map<std::string, std::vector<int32_t>> expected_;
};
INSTANTIATE_TEST_SUITE_P(Checksums, SaveAllTest, testing::Bool());

TEST_P(SaveAllTest, SmallOnesAreWrittenTogether) {
  for (size_t i = 0; i < 200; ++i) Add(absl::StrCat("small", i), i);  // from no element on
  const size_t before = recording_->size();
  Save();
  EXPECT_LE(Writes(before), 3u);
}

TEST_P(SaveAllTest, AnyMixtureIsStored) {
  std::mt19937 random(3);
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 40; ++i) {
      const size_t count = random() % 8 == 0 ? random() % 200'000 : random() % 3'000;
      Add(absl::StrCat("array", random() % 60), count);  // some twice, some again
    }
    Save();
  }
}

TEST_F(TransactionTest, OfArraysThatAreSavedTogetherTheBadOneIsNamed) {
  std::vector<int32_t> values(10);
  auto transaction = store_->Begin();
  const ArrayView good = *Erase(MakeView(values));
  ArrayView bad = good;
  bad.shape = {-1};
  const absl::Status status = transaction->SaveAll({{"x", good}, {"y", good}, {"z", bad}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "'z'")) << status;
}

// Every second column is not in one piece: it is copied first.
TEST_F(TransactionTest, StridedViewsAreSavedAmongOthers) {
  std::vector<int32_t> values(20);
  std::iota(values.begin(), values.end(), 0);
  ArrayView strided = *Erase(MakeView(values));
  strided.shape = {10};
  strided.strides = {2 * static_cast<int64_t>(sizeof(int32_t))};
  const ArrayView whole = *Erase(MakeView(values));
  ASSERT_OK(store_->Save({{"x", whole}, {"y", strided}, {"z", whole}, {"w", whole}}));
  EXPECT_EQ(Values(store_->Load("y")), (std::vector<int32_t>{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}));
  for (const char* name : {"x", "z", "w"}) EXPECT_EQ(Values(store_->Load(name)), values);
}

// Rows dropped from a large array are noted; everything else has to count around them.
class DropTest : public TransactionTest {
 protected:
  void SetUp() override {
    TransactionTest::SetUp();
    model_.resize(40'000);
    std::iota(model_.begin(), model_.end(), 0);
    ASSERT_OK(store_->Save("l", MakeView(model_)));
  }
  void Drop(std::vector<int64_t> rows) {
    ASSERT_OK(store_->DropRows("l", rows));
    std::sort(rows.rbegin(), rows.rend());
    for (const int64_t row : rows) model_.erase(model_.begin() + row);
  }
  void Check() {
    const auto lazy = store_->Lazy("l");
    ASSERT_EQ(lazy->shape(), (Shape{static_cast<int64_t>(model_.size())}));
    ASSERT_EQ(lazy->nbytes(), static_cast<int64_t>(4 * model_.size()));
    ASSERT_EQ(Values(store_->Load("l")), model_);
    ASSERT_EQ(Values(lazy->View()), model_);
    ASSERT_EQ(Values(lazy->ViewRows(3, 1000)),
              (std::vector<int32_t>(model_.begin() + 3, model_.begin() + 1000)));
    ASSERT_EQ(Values(lazy->LoadRows({-1, 0, 500})),
              (std::vector<int32_t>{model_.back(), model_[0], model_[500]}));
  }
  bool Noted() { return store_->Info("l")->dropped != nullptr; }

  std::vector<int32_t> model_;
};

TEST_F(DropTest, RowsOfALargeArrayAreNotedAndCompacted) {
  const auto before = store_->Lazy("l");
  const std::vector<int32_t> all = model_;
  Drop({0, 5, 6, 39'999});
  EXPECT_TRUE(Noted());
  Check();
  Drop({0, 1, 2, 100});
  Check();
  std::vector<int32_t> more = {-1, -2, -3};
  ASSERT_OK(store_->Append("l", MakeView(more)));
  model_.insert(model_.end(), more.begin(), more.end());
  Check();
  ASSERT_OK(store_->Compact("l"));
  EXPECT_FALSE(Noted());
  Check();
  EXPECT_EQ(Values(before->View()), all) << "a lazy array from before keeps its rows";
}

TEST_F(DropTest, RowsAroundDroppedOnesAreReplacedWhereTheyLie) {
  Drop({0, 2});
  std::vector<int32_t> more = {-1, -2, -3};
  ASSERT_OK(store_->ReplaceRows("l", {0, 1, -1}, *Erase(MakeView(more))));
  model_[0] = -1, model_[1] = -2, model_.back() = -3;
  EXPECT_TRUE(Noted());
  Check();
}

TEST_F(DropTest, ManyDroppedRowsAreNotKept) {
  std::vector<int64_t> most(21'000);
  std::iota(most.begin(), most.end(), 10);
  Drop(most);
  EXPECT_FALSE(Noted());
  Check();
}

TEST_F(DropTest, AtRandom) {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same run every time
  int noted = 0;
  for (int round = 0; round < 250; ++round) {
    std::vector<int64_t> rows(std::uniform_int_distribution<size_t>(1, 300)(random));
    for (int64_t& row : rows)
      row = std::uniform_int_distribution<int64_t>(0,
                                                   static_cast<int64_t>(model_.size()) - 1)(random);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    Drop(rows);
    noted += Noted() ? 1 : 0;
    Check();
  }
  EXPECT_GT(noted, 10);
  EXPECT_LT(noted, 250);
}

TEST_F(TransactionTest, ZeroDimensionalArraysHaveNoRows) {
  std::vector<int32_t> one = {1};
  ASSERT_OK(store_->Save("scalar", MakeView(one, {})));
  const ArrayView view = *Erase(MakeView(one));
  EXPECT_EQ(store_->Append("scalar", view).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->ReplaceRows("scalar", {0}, view).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->DropRows("scalar", {0}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Lazy("scalar")->LoadRows({0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Values(store_->Lazy("scalar")->View()), one);
}

TEST_F(TransactionTest, RowsWithoutBytes) {
  std::vector<int32_t> none;
  ASSERT_OK(store_->Save("thin", MakeView(none, {4, 0})));
  ASSERT_OK(store_->DropRows("thin", {1}));
  ASSERT_OK(store_->Append("thin", MakeView(none, {2, 0})));
  ASSERT_OK(store_->ReplaceRows("thin", {0}, *Erase(MakeView(none, {1, 0}))));
  EXPECT_EQ(store_->Info("thin")->shape, (Shape{5, 0}));
  EXPECT_EQ(store_->Lazy("thin")->LoadRows({0, 4})->shape(), (Shape{2, 0}));
}

TEST_F(TransactionTest, DropAllRowsKeepsTheArray) {
  auto transaction = store_->Begin();
  ASSERT_OK(transaction->DropAllRows("a"));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(store_->Info("a")->shape, (Shape{0, 2}));
  std::vector<int32_t> row = {5, 6};
  ASSERT_OK(store_->Append("a", MakeView(row, {1, 2})));
  EXPECT_EQ(Values(store_->Load("a")), row);
}

TEST_F(TransactionTest, LazyRows) {
  const auto lazy = store_->Lazy("a");
  ASSERT_OK(lazy.status());
  EXPECT_EQ(lazy->nbytes(), 80);
  EXPECT_EQ(Values(lazy->ViewRows(2, 4)), (std::vector<int32_t>{4, 5, 6, 7}));
  EXPECT_EQ(Values(lazy->ViewRows(10, 10)), std::vector<int32_t>());
  EXPECT_EQ(lazy->ViewRows(4, 2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(lazy->ViewRows(0, 11).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Values(lazy->LoadRows({-1, 0, 0})), (std::vector<int32_t>{18, 19, 0, 1, 0, 1}));
  EXPECT_EQ(lazy->LoadRows({10}).status().code(), absl::StatusCode::kOutOfRange);
  const auto view = lazy->View();
  EXPECT_FALSE(view->writable());
}

// Against std::vector.
TEST_F(TransactionTest, RandomRowOperations) {
  std::mt19937 random(1);
  std::vector<int32_t> model(20);
  std::iota(model.begin(), model.end(), 0);
  for (int step = 0; step < 500; ++step) {
    auto transaction = store_->Begin();
    for (int i = 0; i < 3; ++i) {
      const auto rows = static_cast<int64_t>(model.size() / 2);
      std::vector<int32_t> values = {static_cast<int32_t>(random()),
                                     static_cast<int32_t>(random())};
      const ArrayView view = *Erase(MakeView(values, {1, 2}));
      const int64_t row =
          rows == 0 ? 0 : static_cast<int64_t>(random() % static_cast<uint64_t>(rows));
      if (random() % 3 == 0 || rows == 0) {
        ASSERT_OK(transaction->Append("a", view));
        model.insert(model.end(), values.begin(), values.end());
      } else if (random() % 2 == 0) {
        ASSERT_OK(transaction->ReplaceRows("a", {row - rows}, view));
        std::copy(values.begin(), values.end(), model.begin() + 2 * row);
      } else {
        ASSERT_OK(transaction->DropRows("a", {row}));
        model.erase(model.begin() + 2 * row, model.begin() + 2 * row + 2);
      }
    }
    ASSERT_OK(transaction->Commit());
    ASSERT_EQ(Values(store_->Load("a")), model);
  }
}

}  // namespace
}  // namespace numpack
