#include "numpack/base/worker_threads.h"

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace numpack {
namespace {

using std::chrono::milliseconds;

// Waits until `threads` threads are inside at once, so that a test does not depend on who is
// scheduled when.
class Rendezvous {
 public:
  explicit Rendezvous(int threads) : missing_(threads) {}
  void Arrive() {
    missing_.fetch_sub(1);
    while (missing_.load() > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

std::set<std::thread::id> ThreadsOf(WorkerThreads& threads, int64_t chunks, int meeting,
                                    int max_threads = 0) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  Rendezvous rendezvous(meeting);
  threads.ParallelFor(
      chunks, 1,
      [&](int64_t, int64_t) {
        bool is_new;
        {
          std::lock_guard<std::mutex> lock(mutex);
          is_new = ids.insert(std::this_thread::get_id()).second;
        }
        if (is_new) rendezvous.Arrive();
      },
      max_threads);
  return ids;
}

TEST(WorkerThreadsTest, CoversEveryIndexExactlyOnce) {
  for (int count : {1, 2, 3, 8}) {
    WorkerThreads threads(count);
    for (int64_t total : {1, 2, 7, 8, 100, 1001}) {
      for (int64_t grain : {1, 2, 7, 100, 5000}) {
        std::vector<std::atomic<int>> visits(total);
        threads.ParallelFor(total, grain, [&](int64_t begin, int64_t end) {
          EXPECT_EQ(begin % grain, 0);
          EXPECT_LT(begin, end);
          for (int64_t i = begin; i < end; ++i) visits[i].fetch_add(1);
        });
        for (const auto& visit : visits) ASSERT_EQ(visit.load(), 1);
      }
    }
  }
}

TEST(WorkerThreadsTest, NothingToDoCallsNothing) {
  WorkerThreads threads(2);
  threads.ParallelFor(0, 1, [](int64_t, int64_t) { FAIL(); });
  threads.ParallelFor(-1, 1, [](int64_t, int64_t) { FAIL(); });
}

TEST(WorkerThreadsTest, HugeTotalsFit) {
  constexpr int64_t kTotal = std::numeric_limits<int64_t>::max();
  WorkerThreads threads(2);
  std::atomic<int64_t> sum{0};
  threads.ParallelFor(kTotal, kTotal / 1000,
                      [&](int64_t begin, int64_t end) { sum += end - begin; });
  EXPECT_EQ(sum.load(), kTotal);
  // More chunks than 32 bits can number.
  threads.ParallelFor(1, 1, [&](int64_t, int64_t) {});
}

TEST(WorkerThreadsTest, AllMembersTakePart) {
  WorkerThreads threads(3);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/3).size(), 3u);
}

TEST(WorkerThreadsTest, MaxThreadsLimits) {
  WorkerThreads threads(3);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/2, /*max_threads=*/2).size(), 2u);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/1, /*max_threads=*/1).size(), 1u);
}

TEST(WorkerThreadsTest, OneThreadStaysOnTheCaller) {
  WorkerThreads threads(1);
  EXPECT_EQ(ThreadsOf(threads, 10, /*meeting=*/1),
            std::set<std::thread::id>{std::this_thread::get_id()});
  EXPECT_FALSE(threads.awake());
}

TEST(WorkerThreadsTest, NumberCanChange) {
  WorkerThreads threads(1);
  threads.set_threads(2);
  EXPECT_EQ(threads.threads(), 2);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/2).size(), 2u);
  threads.set_threads(1);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/1).size(), 1u);
  threads.set_threads(4);
  EXPECT_EQ(ThreadsOf(threads, 30, /*meeting=*/4).size(), 4u);
  threads.set_threads(0);
  EXPECT_GE(threads.threads(), 1);
  threads.set_threads(1 << 20);
  EXPECT_EQ(threads.threads(), WorkerThreads::kMaxThreads);
}

TEST(WorkerThreadsTest, NestedLoopRunsOnItsOwnThread) {
  WorkerThreads threads(2);
  std::atomic<int64_t> sum{0};
  threads.ParallelFor(8, 1, [&](int64_t, int64_t) {
    const std::thread::id outer = std::this_thread::get_id();
    threads.ParallelFor(10, 1, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      sum += end - begin;
    });
  });
  EXPECT_EQ(sum.load(), 80);
}

TEST(WorkerThreadsTest, ParallelCallersAllFinish) {
  WorkerThreads threads(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        threads.ParallelFor(64, 4, [&](int64_t begin, int64_t end) { sum += end - begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 500 * 64);
}

TEST(WorkerThreadsTest, ResultsAreVisibleToTheCallerWithoutAtomics) {
  WorkerThreads threads(2);
  std::vector<int64_t> values(1000);
  for (int round = 1; round <= 200; ++round) {
    threads.ParallelFor(1000, 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) values[i] += i;
    });
    if (round % 50 == 0)
      std::this_thread::sleep_for(milliseconds(1));  // let the helper fall asleep
    for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(values[i], i * round);
  }
}

TEST(WorkerThreadsTest, AwakeForAWhileAfterALoop) {
  WorkerThreads threads(2);
  EXPECT_FALSE(threads.awake());
  ThreadsOf(threads, 2, /*meeting=*/2);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(5000);
  while (threads.awake() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_FALSE(threads.awake());
  EXPECT_EQ(ThreadsOf(threads, 2, /*meeting=*/2).size(), 2u);  // and it wakes up again
}

TEST(WorkerThreadsTest, HelpersHaveTheCallersRoundingAndReturnTheirExceptions) {
  WorkerThreads threads(2);
  Rendezvous rendezvous(2);
  std::feclearexcept(FE_ALL_EXCEPT);
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  const std::thread::id caller = std::this_thread::get_id();
  threads.ParallelFor(2, 1, [&](int64_t, int64_t) {
    rendezvous.Arrive();
    if (std::this_thread::get_id() == caller) return;
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
    std::feraiseexcept(FE_DIVBYZERO);
  });
  std::fesetround(FE_TONEAREST);
  EXPECT_TRUE(std::fetestexcept(FE_DIVBYZERO));
  EXPECT_FALSE(std::fetestexcept(FE_INVALID));
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST(WorkerThreadsTest, DefaultPoolIsOneObject) {
  SetDefaultThreads(2);
  EXPECT_EQ(DefaultWorkerThreads().threads(), 2);
  EXPECT_EQ(&DefaultWorkerThreads(), &DefaultWorkerThreads());
  SetDefaultThreads(0);
  EXPECT_GE(DefaultWorkerThreads().threads(), 1);
}

}  // namespace
}  // namespace numpack
