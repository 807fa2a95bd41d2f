// Vacuum of arrays: dropped rows go, and what is read is left. The packing itself is tested in
// storage/store_vacuum_test.cc.
#include "numpack/core/vacuum.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr int64_t kRows = 100'000;

class VacuumTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = ArrayStore::Open(NewMemoryBackend());
    ASSERT_OK(store.status());
    store_ = std::make_unique<ArrayStore>(*std::move(store));
    std::vector<double> values(kRows);
    std::iota(values.begin(), values.end(), 0.0);
    ASSERT_OK(store_->Save("a", MakeView(values)));
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < 1000; ++row) rows.push_back(3 * row);
    ASSERT_OK(store_->DropRows("a", rows));
  }
  VacuumReport RunVacuum() {
    auto report = Vacuum(*store_);
    EXPECT_EQ(report.status(), absl::OkStatus());
    return report.value_or(VacuumReport());
  }
  void ExpectWhatIsLeft() {
    const auto array = store_->Load<double>("a");
    ASSERT_OK(array.status());
    ASSERT_EQ(array->size(), static_cast<size_t>(kRows - 1000));
    EXPECT_EQ((*array)[0], 1);
    EXPECT_EQ((*array)[1], 2);
    EXPECT_EQ((*array)[2], 4);
    EXPECT_EQ((*array)[kRows - 1001], kRows - 1);
  }

  std::unique_ptr<ArrayStore> store_;
};

TEST_F(VacuumTest, TakesDroppedRowsOut) {
  EXPECT_GT(store_->Stats()->live_bytes, 8u * (kRows - 1000));
  std::vector<uint64_t> done;
  VacuumOptions options;
  options.progress = [&](uint64_t bytes, uint64_t) { done.push_back(bytes); };
  const auto report = Vacuum(*store_, options);
  ASSERT_OK(report.status());
  EXPECT_EQ(report->compacted_arrays, 1u);
  EXPECT_EQ(report->copied_bytes, 8u * (kRows - 1000));
  EXPECT_EQ(done, (std::vector<uint64_t>{8 * (kRows - 1000)}));
  EXPECT_GT(report->reclaimed_bytes(), 4096u);
  EXPECT_EQ(store_->Stats()->live_bytes, 8u * (kRows - 1000));
  EXPECT_LE(store_->Stats()->file_bytes, 8u * (kRows - 1000) + 4096 + (64 << 10));
  ExpectWhatIsLeft();
  const VacuumReport again = RunVacuum();
  EXPECT_EQ(again.compacted_arrays + again.moved_arrays + again.reclaimed_bytes(), 0u);
}

TEST_F(VacuumTest, WhatIsReadIsLeft) {
  {
    const auto lazy = store_->Lazy("a");
    ASSERT_OK(lazy.status());
    const VacuumReport report = RunVacuum();
    EXPECT_EQ(report.compacted_arrays, 0u);
    EXPECT_EQ(report.held, std::vector<std::string>{"a"});
    ExpectWhatIsLeft();
  }
  EXPECT_EQ(RunVacuum().compacted_arrays, 1u);
  ExpectWhatIsLeft();
}

TEST_F(VacuumTest, AClosedHandle) {
  ASSERT_OK(store_->Close());
  EXPECT_EQ(Vacuum(*store_).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace numpack
