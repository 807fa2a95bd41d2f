// Vacuum: what it leaves is as small as vacuum.h says, nothing is lost whatever goes wrong, and
// whoever holds something keeps it.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/vacuum.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))
#define EXPECT_OK(expression) EXPECT_EQ(absl::OkStatus(), (expression))

constexpr uint64_t kLarge = uint64_t{1} << 20;  // gets a segment of its own

uint64_t RoundUp(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

StoreOptions Options() {
  StoreOptions options;
  options.background_sync = false;
  return options;
}

std::string BytesOf(int i, size_t length) {
  return std::string(length, static_cast<char>('a' + i % 26));
}

// Whether the files are as small as vacuum.h promises.
void ExpectPacked(Store& store, Backend& backend) {
  uint64_t packed = 0, large = 0;
  for (const std::string& name : store.List()) {
    const auto bytes = store.Find(name);
    ASSERT_OK(bytes.status());
    const uint64_t length = RoundUp(bytes->length(), bytes->length() < (32 << 10) ? 64 : 4096);
    (length <= (256 << 10) ? packed : large) += length;
  }
  uint64_t segments = 0, segment_bytes = 0, log_bytes = 0;
  for (const auto& [name, bytes] : ReadAllFiles(backend)) {
    if (absl::StartsWith(name, "log.")) log_bytes += bytes.size();
    if (!absl::StartsWith(name, "segment.")) continue;
    ++segments;
    segment_bytes += bytes.size();
  }
  EXPECT_LE(segment_bytes, large + packed + packed / 15 + segments * (24 << 10));
  EXPECT_LE(log_bytes, RoundUp(store.stats().log_bytes + (8 << 10) + 1024, 64 << 10));
}

class StoreVacuumTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    if (store_ != nullptr) {
      ASSERT_OK(store_->CloseHandle());
    }
    store_ = nullptr;
    auto store = Store::Open(backend_, Options());
    ASSERT_OK(store.status());
    store_ = *std::move(store);
  }
  VacuumReport Vacuum() {
    auto report = store_->Vacuum({});
    EXPECT_OK(report.status());
    return report.value_or(VacuumReport());
  }
  // Many arrays of all small sizes, and then a tenth of them.
  void SaveManyAndRemoveMost(int count) {
    for (int i = 0; i < count; ++i) {
      const size_t length = i % 50 == 0 ? 100'000 + 7 * static_cast<size_t>(i) : 1 + 13 * i % 5000;
      ASSERT_OK(PutBytes(*store_, absl::StrCat("a", i), BytesOf(i, length)));
    }
    for (int i = 0; i < count; ++i) {
      if (i % 10 == 0) continue;
      ASSERT_OK(RemoveName(*store_, absl::StrCat("a", i)));
    }
  }

  const std::shared_ptr<Backend> backend_ = NewMemoryBackend();
  std::shared_ptr<Store> store_;
};

TEST_F(StoreVacuumTest, PacksWhatIsLeftOfManyArrays) {
  SaveManyAndRemoveMost(3000);
  const Contents contents = AllContents(*store_);
  std::vector<std::pair<uint64_t, uint64_t>> progress;
  VacuumOptions options;
  options.progress = [&](uint64_t done, uint64_t total) { progress.emplace_back(done, total); };
  const auto report = store_->Vacuum(options);
  ASSERT_OK(report.status());
  EXPECT_GT(report->before_bytes, uint64_t{10} << 20);
  EXPECT_LT(report->after_bytes, report->before_bytes);
  EXPECT_EQ(report->reclaimed_bytes(), report->before_bytes - report->after_bytes);
  EXPECT_GT(report->moved_arrays, 0u);
  EXPECT_GT(report->copied_bytes, 0u);
  EXPECT_TRUE(report->held.empty());
  EXPECT_EQ(report->held_bytes, 0u);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back().first, progress.back().second);

  EXPECT_EQ(AllContents(*store_), contents);
  ExpectPacked(*store_, *backend_);
  Reopen();
  EXPECT_EQ(AllContents(*store_), contents);
}

TEST_F(StoreVacuumTest, KeepsTheOrderOfNames) {
  SaveManyAndRemoveMost(300);
  const std::vector<std::string> names = store_->List();
  EXPECT_GT(Vacuum().moved_arrays, 0u);
  EXPECT_EQ(store_->List(), names);
  Reopen();
  EXPECT_EQ(store_->List(), names);
}

TEST_F(StoreVacuumTest, TheSecondTimeItDoesNothing) {
  SaveManyAndRemoveMost(1000);
  ASSERT_OK(PutBytes(*store_, "l", std::string(kLarge, 'l')));
  ASSERT_OK(AppendBytes(*store_, "l", "more"));
  Vacuum();
  const auto files = ReadAllFiles(*backend_);
  const VacuumReport again = Vacuum();
  EXPECT_TRUE(ReadAllFiles(*backend_) == files);
  EXPECT_EQ(again.moved_arrays, 0u);
  EXPECT_EQ(again.reclaimed_bytes(), 0u);
  EXPECT_EQ(again.before_bytes, again.after_bytes);
}

TEST_F(StoreVacuumTest, AnEmptyStoreAndOneWithoutFaults) {
  Vacuum();
  EXPECT_TRUE(store_->List().empty());
  ASSERT_OK(PutBytes(*store_, "empty", ""));
  ASSERT_OK(PutBytes(*store_, "a", "a"));
  EXPECT_EQ(Vacuum().moved_arrays, 0u);
  EXPECT_EQ(AllContents(*store_), (Contents{{"a", "a"}, {"empty", ""}}));
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, CutsWhatIsReservedBehindLargeArrays) {
  std::string bytes(kLarge, '1');
  ASSERT_OK(PutBytes(*store_, "l", bytes));
  ASSERT_OK(AppendBytes(*store_, "l", "more"));
  bytes += "more";
  EXPECT_GT(store_->stats().slack_bytes, kLarge / 4);
  EXPECT_GT(Vacuum().reclaimed_bytes(), kLarge / 4);
  EXPECT_LT(store_->stats().slack_bytes, 4096u);
  ExpectPacked(*store_, *backend_);
  // It grows again where it lies.
  ASSERT_OK(AppendBytes(*store_, "l", std::string(kLarge, '2')));
  bytes += std::string(kLarge, '2');
  EXPECT_EQ(GetBytes(*store_, "l").value_or(""), bytes);
  Reopen();
  EXPECT_EQ(GetBytes(*store_, "l").value_or(""), bytes);
}

// The state of the last flush named more than the file has by now.
TEST_F(StoreVacuumTest, ARestartAfterTheCutFindsTheStore) {
  ASSERT_OK(PutBytes(*store_, "l", std::string(kLarge, '1')));
  ASSERT_OK(AppendBytes(*store_, "l", "more"));
  ASSERT_OK(store_->Flush());
  const Contents contents = AllContents(*store_);
  Vacuum();
  for (const char* boot : {"", "another"}) {
    auto left = Store::Open(CopyOf(*backend_, boot), Options());
    ASSERT_OK(left.status());
    EXPECT_EQ(AllContents(**left), contents);
  }
}

TEST_F(StoreVacuumTest, SmallArraysInSegmentsOfTheirOwnArePacked) {
  // Appending reserves twice as much, which is then too much to share a segment.
  ASSERT_OK(PutBytes(*store_, "a", std::string(150'000, 'a')));
  ASSERT_OK(AppendBytes(*store_, "a", std::string(5000, 'm')));
  ASSERT_OK(PutBytes(*store_, "b", "b"));
  EXPECT_EQ(store_->StatsWithFiles()->segments, 2u);
  EXPECT_EQ(Vacuum().moved_arrays, 1u);
  EXPECT_EQ(store_->StatsWithFiles()->segments, 1u);
  EXPECT_EQ(GetBytes(*store_, "a").value_or(""),
            std::string(150'000, 'a') + std::string(5000, 'm'));
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, BeginsANewLogWhenTheOldOneIsLong) {
  for (int i = 0; i < 3000; ++i) ASSERT_OK(PutBytes(*store_, "a", absl::StrCat(i)));
  EXPECT_GT(store_->stats().log_bytes, uint64_t{64} << 10);
  EXPECT_GE(Vacuum().reclaimed_bytes(), uint64_t{64} << 10);
  EXPECT_LT(store_->stats().log_bytes, uint64_t{4} << 10);
  ExpectPacked(*store_, *backend_);
  EXPECT_EQ(GetBytes(*store_, "a").value_or(""), "2999");
}

TEST_F(StoreVacuumTest, BeginsANewLogAlsoForWhatIsReservedBehindTheOldOne) {
  while (store_->stats().log_bytes < (58 << 10)) ASSERT_OK(PutBytes(*store_, "a", "again"));
  ASSERT_LT(store_->stats().log_bytes, uint64_t{63} << 10);
  EXPECT_GE(Vacuum().reclaimed_bytes(), uint64_t{64} << 10);
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, WhatIsReadIsLeftAndReported) {
  SaveManyAndRemoveMost(1000);
  ASSERT_OK(PutBytes(*store_, "gone", BytesOf(7, 5000)));
  {
    const auto held = store_->Find("a500");
    const auto gone = store_->Find("gone");
    ASSERT_OK(held.status());
    const auto view = held->View();
    const auto gone_view = gone->View();
    ASSERT_OK(view.status());
    ASSERT_OK(RemoveName(*store_, "gone"));
    const VacuumReport report = Vacuum();
    EXPECT_EQ(report.held, std::vector<std::string>{"a500"});
    EXPECT_EQ(report.held_bytes, 5056u);
    EXPECT_GT(report.moved_arrays, 0u);
    ASSERT_OK(PutBytes(*store_, "new", BytesOf(3, 1'000'000)));
    for (const std::byte byte : view->bytes) ASSERT_EQ(byte, std::byte{'a' + 500 % 26});
    for (const std::byte byte : gone_view->bytes) ASSERT_EQ(byte, std::byte{'a' + 7});
  }
  EXPECT_TRUE(Vacuum().held.empty());
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, TheFileOfALargeArrayThatIsReadIsLeft) {
  ASSERT_OK(PutBytes(*store_, "l", std::string(kLarge, '1')));
  ASSERT_OK(AppendBytes(*store_, "l", "more"));
  {
    const auto held = store_->Find("l");
    ASSERT_OK(held.status());
    const auto view = held->View();
    ASSERT_OK(view.status());
    EXPECT_EQ(Vacuum().held, std::vector<std::string>{"l"});
    EXPECT_EQ(view->bytes[kLarge - 1], std::byte{'1'});
  }
  EXPECT_TRUE(Vacuum().held.empty());
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, WhatIsOpenInPlaceIsLeft) {
  SaveManyAndRemoveMost(1000);
  for (const bool copy : {false, true}) {
    auto mapping = copy ? store_->BeginCopy("a500") : store_->BeginInPlace("a500");
    ASSERT_OK(mapping.status());
    EXPECT_EQ(Vacuum().held, std::vector<std::string>{"a500"});
    mapping->region.data()[0] = std::byte{'!'};
    const std::vector<Store::InPlaceEnd> ends = {{"a500", ""}};
    ASSERT_OK(copy ? store_->EndCopies(ends) : store_->EndInPlace(ends));
    EXPECT_EQ(GetBytes(*store_, "a500").value_or("")[0], '!');
  }
  EXPECT_TRUE(Vacuum().held.empty());
  ExpectPacked(*store_, *backend_);
}

TEST_F(StoreVacuumTest, InterruptedArraysStayInterrupted) {
  SaveManyAndRemoveMost(1000);
  auto mapping = store_->BeginInPlace("a500");
  ASSERT_OK(mapping.status());
  const std::shared_ptr<Backend> killed = CopyOf(*backend_, "");
  ASSERT_OK(store_->EndInPlace({{"a500", ""}}));
  auto store = Store::Open(killed, Options());
  ASSERT_OK(store.status());
  const auto report = (*store)->Vacuum({});
  ASSERT_OK(report.status());
  EXPECT_GT(report->moved_arrays, 0u);
  EXPECT_EQ((*store)->Interrupted(), std::vector<std::string>{"a500"});
}

TEST_F(StoreVacuumTest, OthersReadAndWriteMeanwhile) {
  SaveManyAndRemoveMost(2000);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      EXPECT_OK(PutBytes(*store_, absl::StrCat("w", i % 20), BytesOf(i, 100 * (i % 50))));
    }
  });
  std::thread reader([&] {
    for (int i = 0; !stop; i = (i + 10) % 2000) {
      const auto bytes = GetBytes(*store_, absl::StrCat("a", i));
      EXPECT_OK(bytes.status());
      EXPECT_EQ(*bytes, BytesOf(i, bytes->size()));
    }
  });
  for (int round = 0; round < 5; ++round) Vacuum();
  stop = true;
  writer.join();
  reader.join();
  Vacuum();
  ExpectPacked(*store_, *backend_);
}

class StoreVacuumFaultTest : public testing::TestWithParam<std::tuple<FaultKind, bool>> {};

// Every backend call fails once, or from then on. The arrays are the same here, after a kill, and
// after a restart of the machine; and once the fault is over the next vacuum does its work.
TEST_P(StoreVacuumFaultTest, NothingIsLost) {
  const auto& [kind, stays] = GetParam();
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000);
    auto faulty = std::make_shared<FaultInjectingBackend>(WithBootId(NewMemoryBackend(), "boot"));
    auto opened = Store::Open(faulty, Options());
    ASSERT_OK(opened.status());
    std::shared_ptr<Store> store = *std::move(opened);
    for (int i = 0; i < 60; ++i)
      ASSERT_OK(PutBytes(*store, absl::StrCat("a", i), BytesOf(i, i == 30 ? 100'000 : 5000)));
    ASSERT_OK(PutBytes(*store, "l", std::string(300'000, 'l')));
    ASSERT_OK(AppendBytes(*store, "l", std::string(5000, 'm')));
    ASSERT_OK(store->Flush());
    for (int i = 0; i < 60; ++i) {
      if (i % 10 == 0) continue;
      ASSERT_OK(RemoveName(*store, absl::StrCat("a", i)));
    }
    ASSERT_OK(store->Flush());
    const Contents contents = AllContents(*store);

    const absl::Status fault = absl::ResourceExhaustedError("injected");
    stays ? faulty->FailFrom(n, fault, kind) : faulty->FailAt(n, fault, kind);
    const auto report = store->Vacuum({});
    const bool failed = faulty->faults() > 0;
    faulty->Heal();
    if (!failed) {
      ASSERT_GT(n, 10);
      ASSERT_OK(report.status());
      EXPECT_EQ(report->moved_arrays, 6u);
      ExpectPacked(*store, *faulty);
      break;
    }
    EXPECT_EQ(AllContents(*store), contents) << "call " << n;
    for (const char* boot : {"boot", "another"}) {
      auto left = Store::Open(CopyOf(*faulty, boot), Options());
      ASSERT_OK(left.status()) << "call " << n;
      EXPECT_EQ(AllContents(**left), contents) << "call " << n;
      EXPECT_OK((*left)->Vacuum({}).status());
      EXPECT_EQ(AllContents(**left), contents) << "call " << n;
      EXPECT_OK(PutBytes(**left, "next", "n"));
    }
    if (PutBytes(*store, "next", "n").ok()) {  // otherwise a sync has failed
      EXPECT_OK(store->Vacuum({}).status()) << "call " << n;
    }
    // A file that could not be removed goes when the store is opened.
    store->CloseHandle().IgnoreError();
    store = nullptr;
    opened = Store::Open(faulty, Options());
    ASSERT_OK(opened.status()) << "call " << n;
    ASSERT_OK((*opened)->Vacuum({}).status()) << "call " << n;
    ExpectPacked(**opened, *faulty);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StoreVacuumFaultTest,
                         testing::Combine(testing::Values(FaultKind::kFail, FaultKind::kShortWrite),
                                          testing::Bool()));

}  // namespace
}  // namespace numpack::storage
