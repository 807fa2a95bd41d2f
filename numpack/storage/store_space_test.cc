// What a store says of its space.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

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

// Appending grows the array's own file, before anything is published.
TEST_F(StoreSpaceTest, AnAppendThatIsNotPublishedGivesItsSpaceBack) {
  const std::string bytes(kLarge, '1');
  ASSERT_OK(PutBytes(*store_, "a", bytes));
  const StoreStats before = Stats();
  const absl::Span<const std::byte> more(reinterpret_cast<const std::byte*>(bytes.data()), kLarge);
  for (const bool held : {false, true}) {
    std::optional<PinnedBytes> pending;
    {
      auto transaction = store_->Begin();
      ASSERT_OK(transaction.status());
      for (int i = 0; i < 3; ++i) {
        auto extent = transaction->Extend("a", {more});
        ASSERT_OK(extent.status());
        ASSERT_OK(transaction->Put("a", *std::move(extent), "metadata"));
      }
      EXPECT_GE(Stats().file_bytes, before.file_bytes + 3 * kLarge);
      if (held) {
        auto found = transaction->Find("a");
        ASSERT_OK(found.status());
        pending = *std::move(found);
      }
    }
    EXPECT_EQ(*GetBytes(*store_, "a"), bytes);
    if (held) {
      const auto view = pending->View();
      ASSERT_OK(view.status());
      EXPECT_EQ(view->bytes.size(), 4 * kLarge);
      EXPECT_EQ(view->bytes.back(), std::byte{'1'}) << "what is held stays";
    } else {
      EXPECT_EQ(Stats().slack_bytes, before.slack_bytes);
      EXPECT_EQ(Stats().file_bytes, before.file_bytes);
    }
  }
  ASSERT_OK(AppendBytes(*store_, "a", "2"));
  EXPECT_EQ(*GetBytes(*store_, "a"), bytes + "2");
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

// What is being written, what is there, and what the last flush would bring back.
TEST_F(StoreSpaceTest, SavingALargeArrayInALoopTakesThreeTimesItsSize) {
  uint64_t most = 0;
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK(PutBytes(*store_, "a", std::string(kLarge, static_cast<char>('a' + i % 26))));
    if (i % 4 == 0) {
      ASSERT_OK(store_->Flush());
    }
    most = std::max(most, Stats().file_bytes);
  }
  EXPECT_LE(most, 3 * kLarge + (64 << 10));
  ASSERT_OK(store_->CloseHandle());
  EXPECT_LE(FileBytes(), kLarge + (64 << 10));
}

TEST_F(StoreSpaceTest, FreeNeighboursBecomeOne) {
  for (const char* name : {"a", "b", "c", "d"})
    ASSERT_OK(PutBytes(*store_, name, std::string(50'000, 'x')));
  for (const char* name : {"a", "c", "b"}) ASSERT_OK(RemoveName(*store_, name));
  ASSERT_OK(store_->Flush());
  // The segment has room for four of the arrays below behind this. The fifth needs the three gaps.
  ASSERT_OK(PutBytes(*store_, "rest", std::string(200'000, 'r')));
  const uint64_t before = Stats().file_bytes;
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(PutBytes(*store_, absl::StrCat("fill", i), std::string(140'000, 'f')));
  }
  EXPECT_EQ(Stats().file_bytes, before);
}

TEST_F(StoreSpaceTest, SpareSegmentsAreBounded) {
  constexpr uint64_t kMost = uint64_t{64} << 20;
  for (int i = 0; i < 12; ++i)
    ASSERT_OK(PutBytes(*store_, absl::StrCat("a", i), std::string(8 * kLarge, 'x')));
  for (int i = 0; i < 12; ++i) ASSERT_OK(RemoveName(*store_, absl::StrCat("a", i)));
  ASSERT_OK(store_->Flush());
  EXPECT_GT(Stats().free_bytes, 0u);
  EXPECT_LE(Stats().free_bytes, kMost);
  EXPECT_LE(Stats().file_bytes, kMost + (64 << 10));
}

TEST_F(StoreSpaceTest, CloseGivesTailsAndSparesBack) {
  ASSERT_OK(PutBytes(*store_, "small", std::string(100, 's')));
  ASSERT_OK(PutBytes(*store_, "tail", std::string(100'000, 't')));
  ASSERT_OK(PutBytes(*store_, "large", std::string(kLarge, 'l')));
  ASSERT_OK(RemoveName(*store_, "tail"));
  ASSERT_OK(RemoveName(*store_, "large"));
  EXPECT_GT(FileBytes(), 2 * kLarge);
  ASSERT_OK(store_->CloseHandle());
  EXPECT_LE(FileBytes(), (64 << 10) + 4096u);
}

}  // namespace
}  // namespace numpack::storage
