// What one process makes of the space that another one uses. Each keeps books of its own, so what
// is free to one must be what is free to all.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr char kBoot[] = "boot 1";
constexpr uint64_t kSmall = 100;                  // shares a segment
constexpr uint64_t kLarge = uint64_t{600} << 10;  // has one to itself

class StoreFollowTest : public testing::Test {
 protected:
  // `log_changes`: now and then.
  std::shared_ptr<Store> OpenInProcess(const std::string& name, bool log_changes) {
    StoreOptions options;
    options.background_sync = false;
    if (log_changes) options.min_log_bytes = 4000;
    auto store = Store::Open(AsProcess(files_, name), options);
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }
  int CountFiles(absl::string_view prefix) {
    int count = 0;
    for (const std::string& name : files_->List().value_or(std::vector<std::string>()))
      count += absl::StartsWith(name, prefix) ? 1 : 0;
    return count;
  }
  // Makes a segment for small arrays that is empty, and that the log says nothing of.
  void LeaveAnEmptyPackedSegment(Store& store) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_OK(PutBytes(store, "small", std::string(kSmall, 's')));
      const std::string log = LogName();
      ASSERT_OK(RemoveName(store, "small"));
      if (LogName() != log) return;
    }
    FAIL() << "the log was never left";
  }
  std::string LogName() {
    for (const std::string& name : files_->List().value_or(std::vector<std::string>())) {
      if (absl::StartsWith(name, "log.")) return name;
    }
    return "";
  }
  Contents AfterAKill() {
    auto store = Store::Open(CopyOf(*files_, kBoot), StoreOptions());
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? AllContents(**store) : Contents();
  }

  const std::shared_ptr<Backend> files_ = WithBootId(NewMemoryBackend(), kBoot);
};

// The second process has not heard of the segment, and takes it for a large array. Then it is no
// longer free for small ones in the first.
TEST_F(StoreFollowTest, ASharedSegmentThatAnotherTakesForALargeArray) {
  const std::shared_ptr<Store> first = OpenInProcess("first", /*log_changes=*/true);
  LeaveAnEmptyPackedSegment(*first);
  const std::shared_ptr<Store> second = OpenInProcess("second", /*log_changes=*/false);
  ASSERT_OK(PutBytes(*second, "large", std::string(kLarge, 'l')));
  ASSERT_EQ(CountFiles("segment."), 1);
  ASSERT_OK(PutBytes(*first, "small", std::string(kSmall, 's')));
  const Contents expected = {{"large", std::string(kLarge, 'l')},
                             {"small", std::string(kSmall, 's')}};
  EXPECT_EQ(AllContents(*second), expected);
  EXPECT_EQ(AfterAKill(), expected);
}

// And the other way about.
TEST_F(StoreFollowTest, ASpareSegmentThatAnotherTakesForSmallArrays) {
  const std::shared_ptr<Store> first = OpenInProcess("first", /*log_changes=*/true);
  LeaveAnEmptyPackedSegment(*first);
  const std::shared_ptr<Store> second = OpenInProcess("second", /*log_changes=*/false);
  ASSERT_OK(PutBytes(*second, "begin the books", ""));
  ASSERT_OK(PutBytes(*first, "small", std::string(kSmall, 's')));
  ASSERT_EQ(CountFiles("segment."), 1);
  ASSERT_OK(PutBytes(*second, "large", std::string(kLarge, 'l')));
  ASSERT_OK(second->CloseHandle());
  const Contents expected = {{"begin the books", ""},
                             {"large", std::string(kLarge, 'l')},
                             {"small", std::string(kSmall, 's')}};
  EXPECT_EQ(AllContents(*first), expected);
  EXPECT_EQ(AfterAKill(), expected);
}

// What waits in the log's limbo may be cut off already. It is no longer anybody's then: a file that
// grows again has other arrays there.
TEST_F(StoreFollowTest, WhatAnotherHasCutOffIsNotGivenBackAgain) {
  const std::shared_ptr<Store> second = OpenInProcess("second", /*log_changes=*/false);
  for (const char* name : {"one", "two"})
    ASSERT_OK(PutBytes(*second, name, std::string(kSmall, 's')));
  ASSERT_OK(PutBytes(*second, "tail", std::string(200'000, 't')));
  // It knows how long the file is, or was.
  const std::shared_ptr<Store> first = OpenInProcess("first", /*log_changes=*/false);
  ASSERT_OK(RemoveName(*second, "tail"));
  ASSERT_OK(second->CloseHandle());
  ASSERT_OK(RemoveName(*first, "one"));  // waits to be asked for, so nothing else is either
  ASSERT_OK(PutBytes(*first, "new", std::string(20'000, 'n')));
  ASSERT_OK(first->Flush());
  ASSERT_OK(PutBytes(*first, "newer", std::string(150'000, 'N')));
  const Contents expected = {{"two", std::string(kSmall, 's')},
                             {"new", std::string(20'000, 'n')},
                             {"newer", std::string(150'000, 'N')}};
  EXPECT_TRUE(AllContents(*first) == expected);
  EXPECT_TRUE(AfterAKill() == expected);
}

// While the first one follows, a segment is spare for a moment, and more than it would keep.
TEST_F(StoreFollowTest, ASegmentThatAnotherHasUsedAgainStays) {
  constexpr uint64_t kHuge = uint64_t{70} << 20;
  const std::shared_ptr<Store> first = OpenInProcess("first", /*log_changes=*/false);
  ASSERT_OK(PutBytes(*first, "one", std::string(kHuge, '1')));
  const std::shared_ptr<Store> second = OpenInProcess("second", /*log_changes=*/false);
  ASSERT_OK(PutBytes(*second, "two", std::string(kHuge + (8 << 20), '2')));
  ASSERT_OK(RemoveName(*second, "one"));
  ASSERT_OK(PutBytes(*second, "three", std::string(kHuge, '3')));
  ASSERT_EQ(CountFiles("segment."), 2);
  ASSERT_OK(PutBytes(*first, "four", "4"));
  EXPECT_TRUE(GetBytes(*first, "three").value_or("") == std::string(kHuge, '3'));
  EXPECT_EQ(AfterAKill().size(), 3u);
}

}  // namespace
}  // namespace numpack::storage
