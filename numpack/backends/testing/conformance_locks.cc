// Conformance: byte-range locks between opens of one file. Those between processes are tested where
// the implementation claims them.

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>  // NOLINT(build/c++11)
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

constexpr uint64_t kFar = uint64_t{1} << 40;          // beyond the end of every file here
constexpr uint64_t kLimit = (uint64_t{1} << 63) - 1;  // the end of the last range there is

absl::StatusCode Try(File& file, uint64_t offset, uint64_t length, LockKind kind,
                     absl::Duration max_wait = absl::ZeroDuration()) {
  return CodeOf(file.Lock(offset, length, kind, max_wait));
}

}  // namespace

TEST_P(BackendConformanceTest, ExclusiveLocksExcludeEveryoneElse) {
  const std::unique_ptr<File> holder = Create("a", "");
  const std::unique_ptr<File> other = OpenFile("a");
  ASSERT_TRUE(holder->Lock(10, 5, LockKind::kExclusive, absl::ZeroDuration()).ok());
  EXPECT_EQ(Try(*other, 10, 5, LockKind::kExclusive), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Try(*other, 10, 5, LockKind::kShared), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Try(*other, 0, 11, LockKind::kShared), absl::StatusCode::kUnavailable) << "overlaps";
  EXPECT_EQ(Try(*other, 14, 100, LockKind::kExclusive), absl::StatusCode::kUnavailable)
      << "overlaps";
  EXPECT_EQ(Try(*other, 0, 10, LockKind::kExclusive), absl::StatusCode::kOk) << "touches only";
  EXPECT_EQ(Try(*other, 15, 1, LockKind::kExclusive), absl::StatusCode::kOk) << "touches only";
  EXPECT_EQ(Try(*OpenFile("b"), 10, 5, LockKind::kExclusive), absl::StatusCode::kOk)
      << "another file";
}

TEST_P(BackendConformanceTest, SharedLocksExcludeOnlyExclusiveOnes) {
  const std::unique_ptr<File> first = Create("a", "");
  const std::unique_ptr<File> second = OpenFile("a");
  const std::unique_ptr<File> third = OpenFile("a");
  ASSERT_EQ(Try(*first, 0, 10, LockKind::kShared), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*second, 5, 10, LockKind::kShared), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*third, 9, 1, LockKind::kExclusive), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(first->Unlock(0, 10).ok());
  EXPECT_EQ(Try(*third, 9, 1, LockKind::kExclusive), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Try(*third, 0, 5, LockKind::kExclusive), absl::StatusCode::kOk);
}

TEST_P(BackendConformanceTest, UnlockedRangesAreFree) {
  const std::unique_ptr<File> holder = Create("a", "");
  const std::unique_ptr<File> other = OpenFile("a");
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(Try(*holder, 3, 4, LockKind::kExclusive), absl::StatusCode::kOk);
    ASSERT_EQ(Try(*other, 3, 4, LockKind::kExclusive), absl::StatusCode::kUnavailable);
    ASSERT_TRUE(holder->Unlock(3, 4).ok());
    ASSERT_EQ(Try(*other, 3, 4, LockKind::kExclusive), absl::StatusCode::kOk);
    ASSERT_TRUE(other->Unlock(3, 4).ok());
  }
}

TEST_P(BackendConformanceTest, LocksLieBesideTheFilesSize) {
  const std::unique_ptr<File> holder = Create("a", "text");
  const std::unique_ptr<File> other = OpenFile("a");
  EXPECT_EQ(Try(*holder, kFar, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*other, kFar, 1, LockKind::kShared), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Try(*other, kFar + 1, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  EXPECT_EQ(*holder->Size(), 4u);
  Write(*other, 4, "s");
  EXPECT_EQ(ReadAll(*other), "texts") << "what nobody locked";
}

TEST_P(BackendConformanceTest, LocksReachAsFarAsSignedOffsets) {
  const std::unique_ptr<File> holder = Create("a", "text");
  const std::unique_ptr<File> other = OpenFile("a");
  for (const uint64_t offset : {uint64_t{1} << 32, (uint64_t{1} << 32) - 1, uint64_t{1} << 62,
                                (uint64_t{1} << 62) + 2, kLimit - 1}) {
    ASSERT_EQ(Try(*holder, offset, 1, LockKind::kExclusive), absl::StatusCode::kOk) << offset;
    EXPECT_EQ(Try(*other, offset, 1, LockKind::kShared), absl::StatusCode::kUnavailable) << offset;
    EXPECT_EQ(Try(*other, offset - 1, 1, LockKind::kShared), absl::StatusCode::kOk) << offset;
    ASSERT_TRUE(other->Unlock(offset - 1, 1).ok());
    ASSERT_TRUE(holder->Unlock(offset, 1).ok());
    EXPECT_EQ(Try(*other, offset, 1, LockKind::kExclusive), absl::StatusCode::kOk) << offset;
    ASSERT_TRUE(other->Unlock(offset, 1).ok());
  }
  EXPECT_EQ(Try(*holder, 0, kLimit, LockKind::kExclusive), absl::StatusCode::kOk) << "all of it";
  EXPECT_EQ(Try(*other, kFar, 1, LockKind::kShared), absl::StatusCode::kUnavailable);
}

TEST_P(BackendConformanceTest, EachRangeIsUnlockedByItself) {
  const std::unique_ptr<File> holder = Create("a", "");
  const std::unique_ptr<File> other = OpenFile("a");
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(Try(*holder, kFar + i, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  }
  ASSERT_TRUE(holder->Unlock(kFar + 1, 1).ok());
  EXPECT_EQ(Try(*other, kFar, 1, LockKind::kShared), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Try(*other, kFar + 1, 1, LockKind::kShared), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*other, kFar + 2, 1, LockKind::kShared), absl::StatusCode::kUnavailable);
}

// What a process does that opens a store: alone, then one of many.
TEST_P(BackendConformanceTest, ExclusiveBecomesSharedByUnlocking) {
  const std::unique_ptr<File> first = Create("a", "");
  const std::unique_ptr<File> second = OpenFile("a");
  ASSERT_EQ(Try(*first, kFar, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  ASSERT_TRUE(first->Unlock(kFar, 1).ok());
  ASSERT_EQ(Try(*first, kFar, 1, LockKind::kShared), absl::StatusCode::kOk);
  ASSERT_EQ(Try(*second, kFar, 1, LockKind::kShared), absl::StatusCode::kOk);
  ASSERT_TRUE(first->Unlock(kFar, 1).ok());
  EXPECT_EQ(Try(*first, kFar, 1, LockKind::kExclusive), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(second->Unlock(kFar, 1).ok());
  EXPECT_EQ(Try(*first, kFar, 1, LockKind::kExclusive), absl::StatusCode::kOk);
}

TEST_P(BackendConformanceTest, ImpossibleLocksAreInvalid) {
  const std::unique_ptr<File> file = Create("a", "");
  EXPECT_EQ(Try(*file, 5, 0, LockKind::kShared), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Try(*file, std::numeric_limits<uint64_t>::max(), 1, LockKind::kShared),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(file->Unlock(5, 0)), absl::StatusCode::kInvalidArgument);
}

TEST_P(BackendConformanceTest, ReadOnlyFilesLockShared) {
  Create("a", "");
  const std::unique_ptr<File> reader = OpenFile("a", OpenMode::kReadOnly);
  const std::unique_ptr<File> writer = OpenFile("a");
  EXPECT_EQ(Try(*reader, 0, 1, LockKind::kExclusive), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Try(*reader, 0, 1, LockKind::kShared), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*writer, 0, 1, LockKind::kExclusive), absl::StatusCode::kUnavailable);
}

TEST_P(BackendConformanceTest, ClosingReleasesLocks) {
  std::unique_ptr<File> holder = Create("a", "text");
  const std::unique_ptr<File> other = OpenFile("a");
  MappedRegion region;  // outlives the file, and must not keep its locks
  if (GetParam().capabilities.mappings) region = Map(*holder, 0, 4);
  ASSERT_EQ(Try(*holder, 0, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  ASSERT_EQ(Try(*holder, kFar, 8, LockKind::kShared), absl::StatusCode::kOk);
  OpenFile("a").reset();  // some other open: its end means nothing
  EXPECT_EQ(Try(*other, 0, 1, LockKind::kExclusive), absl::StatusCode::kUnavailable);
  holder.reset();
  EXPECT_EQ(Try(*other, 0, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  EXPECT_EQ(Try(*other, kFar, 8, LockKind::kExclusive), absl::StatusCode::kOk);
}

TEST_P(BackendConformanceTest, WaitingHasALimit) {
  const std::unique_ptr<File> holder = Create("a", "");
  const std::unique_ptr<File> other = OpenFile("a");
  ASSERT_EQ(Try(*holder, 0, 1, LockKind::kExclusive), absl::StatusCode::kOk);
  const absl::Time start = absl::Now();
  EXPECT_EQ(Try(*other, 0, 1, LockKind::kExclusive, absl::Milliseconds(60)),
            absl::StatusCode::kUnavailable);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
}

TEST_P(BackendConformanceTest, WaitingEndsWhenTheLockIsFree) {
  for (const absl::Duration limit : {absl::Seconds(60), absl::InfiniteDuration()}) {
    const std::unique_ptr<File> holder = OpenFile("a");
    const std::unique_ptr<File> other = OpenFile("a");
    ASSERT_EQ(Try(*holder, 0, 1, LockKind::kExclusive), absl::StatusCode::kOk);
    std::thread release([&holder] {
      absl::SleepFor(absl::Milliseconds(30));
      EXPECT_TRUE(holder->Unlock(0, 1).ok());
    });
    EXPECT_EQ(Try(*other, 0, 1, LockKind::kExclusive, limit), absl::StatusCode::kOk);
    release.join();
  }
}

TEST_P(BackendConformanceTest, LocksMakeThreadsTakeTurns) {
  std::atomic<int> holders{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      const std::unique_ptr<File> file = OpenFile("a");
      for (int round = 0; round < 20; ++round) {
        ASSERT_EQ(Try(*file, 7, 1, LockKind::kExclusive, absl::InfiniteDuration()),
                  absl::StatusCode::kOk);
        EXPECT_EQ(holders.fetch_add(1), 0);
        EXPECT_EQ(holders.fetch_sub(1), 1);
        EXPECT_TRUE(file->Unlock(7, 1).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace numpack
