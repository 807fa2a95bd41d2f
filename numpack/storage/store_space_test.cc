// What a store says of its space.
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr uint64_t kLarge = uint64_t{1} << 20;  // gets a segment of its own

class StoreSpaceTest : public testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.background_sync = false;
    auto store = Store::Open(backend_, options);
    ASSERT_OK(store.status());
    store_ = *std::move(store);
  }
  StoreStats Stats() {
    auto stats = store_->StatsWithFiles();
    EXPECT_EQ(stats.status(), absl::OkStatus());
    return stats.value_or(StoreStats());
  }
  uint64_t FileBytes() {
    uint64_t sum = 0;
    for (const auto& [name, bytes] : ReadAllFiles(*backend_)) sum += bytes.size();
    return sum;
  }

  const std::shared_ptr<Backend> backend_ = NewMemoryBackend();
  std::shared_ptr<Store> store_;
};

TEST_F(StoreSpaceTest, StatsSayWhereTheBytesAre) {
  EXPECT_EQ(Stats().arrays, 0u);
  EXPECT_EQ(Stats().segments, 0u);
  ASSERT_OK(PutBytes(*store_, "small", std::string(100, 's')));
  ASSERT_OK(PutBytes(*store_, "large", std::string(kLarge, 'l')));
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.arrays, 2u);
  EXPECT_EQ(stats.commits, 2u);
  EXPECT_EQ(stats.live_bytes, 100 + kLarge);
  EXPECT_EQ(stats.slack_bytes, 28u);
  EXPECT_EQ(stats.segments, 2u);
  EXPECT_EQ(stats.file_bytes, FileBytes());
  EXPECT_GT(stats.log_bytes, 0u);
  EXPECT_LT(stats.log_bytes, stats.file_bytes);
}

TEST_F(StoreSpaceTest, WhatIsReadStaysPinnedInLimbo) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(kLarge, '1')));
  {
    const auto held = store_->Find("a");
    ASSERT_OK(held.status());
    ASSERT_OK(PutBytes(*store_, "a", std::string(kLarge, '2')));
    ASSERT_OK(store_->Flush());
    const StoreStats stats = Stats();
    EXPECT_EQ(stats.limbo_bytes, kLarge);
    EXPECT_EQ(stats.pinned_bytes, kLarge);
    EXPECT_EQ(stats.free_bytes, 0u);
  }
  EXPECT_EQ(Stats().pinned_bytes, 0u);
  ASSERT_OK(PutBytes(*store_, "b", "b"));  // looks at what waits
  EXPECT_EQ(Stats().limbo_bytes, 0u);
  EXPECT_GE(Stats().free_bytes, kLarge);
}

}  // namespace
}  // namespace numpack::storage
