// The store over a memory backend: commits, what a killed process leaves, damage, and restarts of
// the machine.
#include "numpack/storage/store.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/storage/record.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr char kBoot[] = "boot 1";
constexpr char kOtherBoot[] = "boot 2";

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    backend_ = WithBootId(NewMemoryBackend(), kBoot);
    store_ = Open(backend_);
  }
  static std::shared_ptr<Store> Open(const std::shared_ptr<Backend>& backend) {
    auto store = Store::Open(backend, StoreOptions{});
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }
  // What is there after the process was killed now: in the same boot, or in another.
  Contents AfterKill() { return AllContents(*Open(CopyOf(*backend_, kBoot))); }
  Contents AfterRestart() { return AllContents(*Open(CopyOf(*backend_, kOtherBoot))); }

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Store> store_;
};

TEST_F(StoreTest, OpeningAgainAndAgainWritesNothing) {
  ASSERT_OK(PutBytes(*store_, "a", "alpha"));
  ASSERT_OK(store_->CloseHandle());
  store_.reset();
  const auto open_and_close = [&] {
    const std::shared_ptr<Store> store = Open(backend_);
    EXPECT_EQ(AllContents(*store), (Contents{{"a", "alpha"}}));
    EXPECT_EQ(store->CloseHandle(), absl::OkStatus());
  };
  open_and_close();
  const std::map<std::string, std::string> before = ReadAllFiles(*backend_);
  for (int i = 0; i < 10; ++i) open_and_close();
  EXPECT_EQ(ReadAllFiles(*backend_), before);
}

// Processes that each make a few commits must not leave a log that only grows.
TEST_F(StoreTest, TheLogOfManyShortSessionsIsReplaced) {
  ASSERT_OK(store_->CloseHandle());
  store_.reset();
  for (int i = 0; i < 40; ++i) {
    const std::shared_ptr<Store> store = Open(backend_);
    auto transaction = store->Begin();
    ASSERT_OK(transaction.status());
    ASSERT_OK(transaction->Put("a", PendingExtent(), std::string(1'000'000, 'm')));
    ASSERT_OK(transaction->Commit());
    EXPECT_LE(store->stats().log_bytes, 6'000'000);
    ASSERT_OK(store->CloseHandle());
  }
}

TEST_F(StoreTest, CommitsSurviveAKill) {
  Contents expected;
  const auto check = [&] {
    EXPECT_EQ(AllContents(*store_), expected);
    EXPECT_EQ(AfterKill(), expected);
  };
  ASSERT_OK(PutBytes(*store_, "a", expected["a"] = "alpha"));
  check();
  ASSERT_OK(PutBytes(*store_, "big", expected["big"] = std::string(1'000'000, 'b')));
  check();
  ASSERT_OK(AppendBytes(*store_, "a", " and more"));
  expected["a"] += " and more";
  check();
  ASSERT_OK(AppendBytes(*store_, "big", "!"));
  expected["big"] += "!";
  check();
  ASSERT_OK(PutBytes(*store_, "empty", expected["empty"] = ""));
  ASSERT_OK(RemoveName(*store_, "a"));
  expected.erase("a");
  check();
}

TEST_F(StoreTest, ATransactionThatEndsWithoutCommitLeavesNothing) {
  ASSERT_OK(PutBytes(*store_, "a", "old"));
  const uint64_t free_before = store_->stats().free_bytes;
  {
    auto transaction = store_->Begin();
    auto extent = transaction->Allocate("a", 3);
    ASSERT_OK(transaction->Put("a", *std::move(extent), ""));
    ASSERT_OK(transaction->Put("b", *transaction->Allocate("b", 1000), ""));
    EXPECT_TRUE(transaction->Contains("b"));
    EXPECT_FALSE(store_->Contains("b"));
  }
  EXPECT_EQ(AllContents(*store_), (Contents{{"a", "old"}}));
  EXPECT_EQ(store_->stats().free_bytes, free_before);
}

TEST_F(StoreTest, RenamesKeepTheBytesAndRemovalsTheOrder) {
  for (const char* name : {"a", "b", "c"}) ASSERT_OK(PutBytes(*store_, name, name));
  auto transaction = store_->Begin();
  ASSERT_OK(transaction->Rename("a", "z"));
  ASSERT_OK(transaction->Remove("b"));
  ASSERT_OK(transaction->Put("b", *transaction->Allocate("b", 0), ""));
  EXPECT_EQ(transaction->Rename("c", "z").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(transaction->List(), (std::vector<std::string>{"c", "z", "b"}));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(store_->List(), (std::vector<std::string>{"c", "z", "b"}));
  const auto reopened = Open(CopyOf(*backend_, kBoot));
  EXPECT_EQ(reopened->List(), store_->List());
  EXPECT_EQ(AllContents(*reopened), (Contents{{"c", "c"}, {"z", "a"}, {"b", ""}}));
}

TEST_F(StoreTest, PinnedBytesDoNotChange) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(1000, 'a')));
  const auto pinned = store_->Find("a");
  const auto view = pinned->View();
  for (char c = 'b'; c < 'z'; ++c) {
    ASSERT_OK(PutBytes(*store_, "a", std::string(1000, c)));
    ASSERT_OK(store_->Flush());
  }
  for (const std::byte byte : view->bytes) ASSERT_EQ(byte, std::byte{'a'});
}

// Saving one array again and again needs three extents: the current one, the one of the last
// barrier, the next one.
TEST_F(StoreTest, SpaceIsUsedAgain) {
  const std::string bytes(1'000'000, 'x');
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK(PutBytes(*store_, "a", bytes));
    const StoreStats stats = store_->stats();
    EXPECT_LE(stats.live_bytes + stats.limbo_bytes + stats.free_bytes, 3'100'000u);
  }
  ASSERT_OK(store_->CloseHandle());
  uint64_t total = 0;
  for (const auto& [name, contents] : ReadAllFiles(*backend_)) total += contents.size();
  EXPECT_LE(total, 1'200'000u);
}

// The log that replaces an untrusted one goes on with its generations: else what the barrier names
// would look younger than the barrier, and be used again too early.
TEST_F(StoreTest, ASecondRestartFindsTheStateOfTheFirst) {
  for (int i = 0; i < 20; ++i) ASSERT_OK(PutBytes(*store_, "a", std::string(1000, 'a')));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(PutBytes(*store_, "a", std::string(1000, 'x')));
  const auto restarted = CopyOf(*backend_, kOtherBoot);
  const auto second = Open(restarted);
  const Contents expected = {{"a", std::string(1000, 'a')}};
  ASSERT_EQ(AllContents(*second), expected);
  for (int i = 0; i < 5; ++i) ASSERT_OK(PutBytes(*second, "a", std::string(1000, 'y')));
  EXPECT_EQ(AllContents(*Open(CopyOf(*restarted, "boot 3"))), expected);
}

class RewriteTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_OK(PutBytes(*store_, "a", old_));
  }
  const std::string old_ = std::string(200'000, 'o');
  static std::string With(std::string bytes, size_t offset, absl::string_view piece) {
    return bytes.replace(offset, piece.size(), piece);
  }
};

TEST_F(RewriteTest, ChangesBytesWhereTheyLie) {
  const uint64_t free_before = store_->stats().free_bytes;
  EXPECT_TRUE(*RewriteBytes(*store_, "a", 1000, "new"));
  const std::string expected = With(old_, 1000, "new");
  EXPECT_EQ(*GetBytes(*store_, "a"), expected);
  EXPECT_EQ(AfterKill(), (Contents{{"a", expected}}));
  EXPECT_EQ(store_->stats().free_bytes, free_before);
  EXPECT_EQ(store_->stats().limbo_bytes, 0u);
}

TEST_F(RewriteTest, HeldArraysSmallArraysAndManyBytesAreLeftToOthers) {
  const auto held = store_->Find("a");
  EXPECT_FALSE(*RewriteBytes(*store_, "a", 1000, "new"));
  EXPECT_FALSE(*RewriteBytes(*store_, "a", 0, std::string(100'000, 'n')));
  ASSERT_OK(PutBytes(*store_, "small", "bytes"));
  EXPECT_FALSE(*RewriteBytes(*store_, "small", 0, "B"));
  EXPECT_EQ(*GetBytes(*store_, "a"), old_);
}

// The killed writer had appended the record, and written nothing, or a part.
TEST_F(RewriteTest, AKilledWriterIsFinished) {
  const std::string new_bytes(5000, 'n');
  const auto before = CopyOf(*backend_, kBoot);
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 1000, new_bytes));
  const auto after = CopyOf(*backend_, kBoot);
  const std::string expected = With(old_, 1000, new_bytes);
  for (const auto& [name, contents] : ReadAllFiles(*before)) {
    if (!absl::StartsWith(name, "segment.")) continue;
    const std::string changed = ReadFile(*after, name);
    for (const size_t part : {size_t{0}, size_t{1}, size_t{3000}}) {
      const auto killed = CopyOf(*after, kBoot);
      std::string bytes = contents;
      size_t left = part;
      for (size_t i = 0; i < bytes.size() && left > 0; ++i) {
        if (bytes[i] == changed[i]) continue;
        bytes[i] = changed[i];
        --left;
      }
      WriteFile(*killed, name, bytes);
      EXPECT_EQ(AllContents(*Open(killed)), (Contents{{"a", expected}})) << part;
    }
  }
}

// What was flushed comes back after a restart, although its bytes were overwritten since.
TEST_F(RewriteTest, ARestartUndoesWhatWasNotFlushed) {
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 0, "first"));
  ASSERT_OK(store_->Flush());
  const std::string flushed = With(old_, 0, "first");
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 2, "second"));
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 4, "third"));
  ASSERT_OK(PutBytes(*store_, "b", "another"));
  const auto restarted = CopyOf(*backend_, kOtherBoot);
  EXPECT_EQ(AllContents(*Open(restarted)), (Contents{{"a", flushed}}));
  EXPECT_EQ(AfterKill()["a"], With(flushed, 2, "sethird"));
  ASSERT_OK(store_->Flush());
  EXPECT_EQ(AfterRestart()["a"], With(flushed, 2, "sethird"));
}

// What was logged of one state is no help to the next.
TEST_F(RewriteTest, ARestartUndoesWhatWasNotFlushedThoughReplacedBefore) {
  std::string flushed = old_;
  for (const char digit : {'1', '2', '3'}) {
    ASSERT_OK(store_->Flush());
    for (int again = 0; again < 3; ++again) {
      const std::string bytes(100, static_cast<char>(digit + again));
      ASSERT_TRUE(*RewriteBytes(*store_, "a", 70'000, bytes));
      EXPECT_EQ(AfterRestart()["a"], flushed) << digit << again;
    }
    flushed = With(old_, 70'000, std::string(100, static_cast<char>(digit + 2)));
  }
}

TEST_F(RewriteTest, ARestartUndoesWhatReachesIntoBytesThatCameLater) {
  const std::string before(1'000'000, 'b');
  ASSERT_OK(PutBytes(*store_, "big", before));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(AppendBytes(*store_, "big", std::string(100'000, 'm')));
  ASSERT_TRUE(*RewriteBytes(*store_, "big", 999'000, std::string(50'000, 'n')));
  EXPECT_TRUE(AfterRestart()["big"] == before);  // too long to print
}

// Nothing that could come back names the array: its old bytes are not kept.
TEST_F(RewriteTest, UndoIsLoggedOnlyWhereItCanBeNeeded) {
  const uint64_t empty = store_->stats().log_bytes;
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 0, std::string(10'000, '1')));
  const uint64_t without = store_->stats().log_bytes - empty;
  EXPECT_LT(without, 11'000u);
  ASSERT_OK(store_->Flush());
  const uint64_t flushed = store_->stats().log_bytes;
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 0, std::string(10'000, '2')));
  EXPECT_GT(store_->stats().log_bytes - flushed, 20'000u);
  // Once is enough.
  const uint64_t logged = store_->stats().log_bytes;
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 0, std::string(10'000, '3')));
  EXPECT_LT(store_->stats().log_bytes - logged, 11'000u);
  // Whoever goes on near by does not need it for what is around either.
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 10'000, std::string(10'000, '4')));
  const uint64_t moved_on = store_->stats().log_bytes;
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 20'000, std::string(10'000, '5')));
  EXPECT_LT(store_->stats().log_bytes - moved_on, 11'000u);
}

// Somebody may ask for durability later.
TEST_F(RewriteTest, UndoThatWasNotSyncedIsLoggedAgain) {
  StoreOptions options;
  options.durability = Durability::kNone;
  const auto store = *Store::Open(NewMemoryBackend(), options);
  ASSERT_OK(PutBytes(*store, "a", old_));
  ASSERT_OK(store->Flush());
  for (const char digit : {'1', '2'}) {
    const uint64_t before = store->stats().log_bytes;
    ASSERT_TRUE(*RewriteBytes(*store, "a", 0, std::string(10'000, digit)));
    EXPECT_GT(store->stats().log_bytes - before, 20'000u) << digit;
  }
}

TEST_F(StoreTest, EveryTornTailIsCut) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  const uint64_t before = store_->stats().log_bytes;
  ASSERT_OK(PutBytes(*store_, "a", "second"));
  const uint64_t after = store_->stats().log_bytes;
  const auto whole = CopyOf(*backend_, kBoot);
  const std::string log = ReadFile(*whole, "log.1");
  for (uint64_t cut = before; cut < after; ++cut) {
    auto torn = CopyOf(*whole, kBoot);
    std::string bytes = log;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end(), '\0');
    WriteFile(*torn, "log.1", bytes);
    auto store = Open(torn);
    ASSERT_NE(store, nullptr) << cut;
    EXPECT_EQ(AllContents(*store), (Contents{{"a", "first"}})) << cut;
    // And it goes on from there.
    ASSERT_OK(PutBytes(*store, "a", "third"));
    EXPECT_EQ(AllContents(*Open(CopyOf(*torn, kBoot))), (Contents{{"a", "third"}}));
  }
}

TEST_F(StoreTest, DamageIsAnErrorAndNothingIsTouched) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  ASSERT_OK(PutBytes(*store_, "b", "second"));
  ASSERT_OK(store_->CloseHandle());
  const std::string log = ReadFile(*backend_, "log.1");
  const uint64_t end = store_->stats().log_bytes;
  for (uint64_t at = 0; at < end; at += 3) {
    for (const char* boot : {kBoot, kOtherBoot}) {
      auto damaged = CopyOf(*backend_, boot);
      std::string bytes = log;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
      WriteFile(*damaged, "log.1", bytes);
      const auto before = ReadAllFiles(*damaged);
      const auto store = Store::Open(damaged, StoreOptions{});
      // In another boot, what follows the last seal does not count, damaged or not.
      const bool in_last_seal = at >= end - 40;
      if (in_last_seal && boot == kOtherBoot) continue;
      ASSERT_EQ(store.status().code(), absl::StatusCode::kDataLoss)
          << at << " " << boot << store.status();
      EXPECT_TRUE(absl::StrContains(store.status().message(), "log.1"));
      auto after = ReadAllFiles(*damaged);
      after["writer.lock"] = before.at("writer.lock");  // who looked
      EXPECT_EQ(after, before);
    }
  }
}

// A process was killed, or the machine stopped, while it made the store's first log.
TEST_F(StoreTest, AStoreThatWasBeingMadeIsMadeAnew) {
  const std::string log = ReadFile(*backend_, "log.1");
  const auto first_records =
      static_cast<size_t>(store_->stats().log_bytes) - 40;  // before the seal
  for (size_t length = 0; length < first_records; length += 3) {
    for (const char* boot : {kBoot, kOtherBoot}) {
      const auto cut = CopyOf(*backend_, boot);
      WriteFile(*cut, "log.1", log.substr(0, length) + std::string(log.size() - length, '\0'));
      const auto store = Store::Open(cut, StoreOptions{});
      ASSERT_OK(store.status());
      EXPECT_EQ(AllContents(**store), Contents());
      ASSERT_OK(PutBytes(**store, "a", "bytes"));
      EXPECT_EQ(AllContents(*Open(CopyOf(*cut, boot))), (Contents{{"a", "bytes"}}));
    }
  }
}

TEST_F(StoreTest, MissingAndShortFilesAreErrors) {
  ASSERT_OK(PutBytes(*store_, "small", "first"));
  ASSERT_OK(PutBytes(*store_, "large", std::string(400'000, 'x')));
  for (const std::string name : {"segment.1", "segment.2", "log.1"}) {
    auto missing = CopyOf(*backend_, kBoot);
    ASSERT_OK(missing->Remove(name));
    EXPECT_EQ(Store::Open(missing, StoreOptions{}).status().code(), absl::StatusCode::kDataLoss)
        << name;
    auto shorter = CopyOf(*backend_, kBoot);
    WriteFile(*shorter, name, ReadFile(*shorter, name).substr(0, 1));
    EXPECT_EQ(Store::Open(shorter, StoreOptions{}).status().code(), absl::StatusCode::kDataLoss)
        << name;
    auto empty = CopyOf(*backend_, kBoot);
    WriteFile(*empty, name, "");
    EXPECT_EQ(Store::Open(empty, StoreOptions{}).status().code(), absl::StatusCode::kDataLoss)
        << name;
  }
}

TEST_F(StoreTest, RecordsOfLaterVersionsAreRefused) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  auto copy = CopyOf(*backend_, kBoot);
  std::string log = ReadFile(*copy, "log.1");
  // Walk to the end, and append a whole record of a kind that this version does not write.
  size_t position = 0;
  uint32_t previous = 0;
  uint64_t generation = 0;
  while (const std::optional<Record> record = ParseRecord(log, position, previous)) {
    position += record->length;
    previous = record->checksum;
    generation = record->generation;
  }
  std::string later;
  ASSERT_OK(AppendRecord(static_cast<RecordKind>(77), generation + 1, "future", &previous, &later));
  log.replace(position, later.size(), later);
  WriteFile(*copy, "log.1", log);
  const auto store = Store::Open(copy, StoreOptions{});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition) << store.status();
}

TEST_F(StoreTest, ARestartFallsBackToTheLastFlush) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  ASSERT_OK(store_->Flush());
  EXPECT_EQ(AfterRestart(), (Contents{{"a", "first"}}));
  ASSERT_OK(PutBytes(*store_, "a", "second"));
  ASSERT_OK(PutBytes(*store_, "b", "third"));
  EXPECT_EQ(AfterKill(), (Contents{{"a", "second"}, {"b", "third"}}));
  EXPECT_EQ(AfterRestart(), (Contents{{"a", "first"}}));
  ASSERT_OK(store_->Flush());
  EXPECT_EQ(AfterRestart(), (Contents{{"a", "second"}, {"b", "third"}}));
}

TEST_F(StoreTest, AfterARestartNothingIsAppendedBehindAnUntrustedTail) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(PutBytes(*store_, "a", "lost"));
  auto restarted = CopyOf(*backend_, kOtherBoot);
  auto store = Open(restarted);
  EXPECT_EQ(ReadAllFiles(*restarted).count("log.1"), 0u);
  EXPECT_EQ(ReadAllFiles(*restarted).count("log.2"), 1u);
  ASSERT_OK(PutBytes(*store, "b", "new"));
  EXPECT_EQ(AllContents(*Open(CopyOf(*restarted, kOtherBoot))),
            (Contents{{"a", "first"}, {"b", "new"}}));
}

// The bytes that the last barrier names are not written over before the next one is sealed.
TEST_F(StoreTest, ARestartFindsTheOldBytes) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(1000, 'a')));
  ASSERT_OK(store_->Flush());
  for (char c = 'b'; c < 'h'; ++c) ASSERT_OK(PutBytes(*store_, "a", std::string(1000, c)));
  EXPECT_EQ(AfterRestart(), (Contents{{"a", std::string(1000, 'a')}}));
}

TEST_F(StoreTest, AnUnfinishedNewLogDoesNotCount) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  const std::string log = ReadFile(*backend_, "log.1");
  for (const size_t cut : {size_t{0}, size_t{10}, size_t{60}}) {
    auto killed = CopyOf(*backend_, kBoot);
    WriteFile(*killed, "log.2", log.substr(0, cut));
    const auto store = Open(killed);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(AllContents(*store), (Contents{{"a", "first"}}));
    EXPECT_EQ(ReadAllFiles(*killed).count("log.2"), 0u);
  }
}

TEST_F(StoreTest, TheLogIsLeftWhenItHasGrown) {
  for (int i = 0; i < 50'000; ++i)
    ASSERT_OK(PutBytes(*store_, absl::StrCat(i % 10), absl::StrCat(i)));
  EXPECT_LT(store_->stats().log_bytes, uint64_t{5} << 20);
  EXPECT_EQ(ReadAllFiles(*backend_).count("log.1"), 0u);
  EXPECT_EQ(AfterKill(), AllContents(*store_));
  EXPECT_EQ(AfterKill().size(), 10u);
}

TEST_F(StoreTest, InPlaceChanges) {
  ASSERT_OK(PutBytes(*store_, "a", "aaaa"));
  ASSERT_OK(PutBytes(*store_, "b", "bbbb"));
  auto mapping = store_->BeginInPlace("a");
  ASSERT_OK(mapping.status());
  mapping->region.data()[0] = std::byte{'X'};
  EXPECT_EQ(*GetBytes(*store_, "a"), "Xaaa");
  EXPECT_EQ(PutBytes(*store_, "a", "other").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->BeginInPlace("a").status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK(PutBytes(*store_, "b", "cccc"));
  {
    const auto killed = Open(CopyOf(*backend_, kBoot));
    EXPECT_EQ(killed->Interrupted(), std::vector<std::string>{"a"});
    EXPECT_EQ(*GetBytes(*killed, "b"), "cccc");
    ASSERT_OK(killed->AcknowledgeInterrupted("a"));
    EXPECT_TRUE(killed->Interrupted().empty());
  }
  const auto restarted = Open(CopyOf(*backend_, kOtherBoot));
  EXPECT_EQ(restarted->Interrupted(), std::vector<std::string>{"a"});
  ASSERT_OK(PutBytes(*restarted, "a", "saved"));
  EXPECT_TRUE(restarted->Interrupted().empty());

  ASSERT_OK(store_->EndInPlace({Store::InPlaceEnd{"a", "new metadata"}}));
  EXPECT_TRUE(store_->Interrupted().empty());
  EXPECT_EQ(store_->Find("a")->metadata(), "new metadata");
  EXPECT_EQ(AfterRestart()["a"], "Xaaa");
}

// Who appends says nothing of the elements that were there.
TEST_F(StoreTest, AppendingToAnInterruptedArrayDoesNotAcknowledgeIt) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(100, 'a')));
  ASSERT_OK(store_->BeginInPlace("a").status());
  const auto killed = CopyOf(*backend_, kBoot);
  const auto store = Open(killed);
  for (const size_t count : {size_t{1}, size_t{1'000'000}}) {  // in its place, and moved
    ASSERT_OK(AppendBytes(*store, "a", std::string(count, '+')));
    EXPECT_EQ(store->Interrupted(), std::vector<std::string>{"a"});
    EXPECT_EQ(Open(CopyOf(*killed, kBoot))->Interrupted(), std::vector<std::string>{"a"});
  }
  ASSERT_OK(PutBytes(*store, "a", "saved"));
  EXPECT_TRUE(store->Interrupted().empty());
}

TEST_F(StoreTest, AbandonedHandlesFail) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  Store::AbandonAt(*backend_);
  EXPECT_EQ(store_->Find("a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(PutBytes(*store_, "b", "x").code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK(store_->CloseHandle());
}

TEST_F(StoreTest, FullDurabilityNeedsADurableBackend) {
  StoreOptions options;
  options.durability = Durability::kFull;
  EXPECT_EQ(Store::Open(backend_, options).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, NothingIsMadeWhereNothingMayBeMade) {
  StoreOptions options;
  options.create = false;
  auto empty = NewMemoryBackend();
  EXPECT_EQ(Store::Open(empty, options).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace numpack::storage
