// What only POSIX systems have: fork and signals.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "numpack/base/forked_threads_for_test.h"
#include "numpack/base/worker_threads.h"

namespace numpack {
namespace {

class WorkerThreadsForkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (WhyNoForkedThreads() != nullptr) GTEST_SKIP() << WhyNoForkedThreads();
  }
};

// Runs a loop that ends only when two threads take part, and returns whether it covered everything.
bool TwoThreadsWork(WorkerThreads& threads) {
  std::atomic<int> missing{2};
  std::atomic<int64_t> sum{0};
  threads.ParallelFor(2, 1, [&](int64_t begin, int64_t end) {
    missing.fetch_sub(1);
    while (missing.load() > 0) std::this_thread::yield();
    sum += end - begin;
  });
  return sum.load() == 2;
}

int ExitCodeOf(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(WorkerThreadsForkTest, ChildStartsItsOwnThreads) {
  WorkerThreads threads(2);
  ASSERT_TRUE(TwoThreadsWork(threads));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);  // a dead helper would mean an endless loop
    _exit(!threads.awake() && TwoThreadsWork(threads) ? 0 : 1);
  }
  EXPECT_EQ(ExitCodeOf(child), 0);
  EXPECT_TRUE(TwoThreadsWork(threads));
}

TEST_F(WorkerThreadsForkTest, ForkWhileAnotherThreadRunsALoop) {
  WorkerThreads threads(2);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop.load()) TwoThreadsWork(threads);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      _exit(TwoThreadsWork(threads) ? 0 : 1);
    }
    EXPECT_EQ(ExitCodeOf(child), 0);
  }
  stop = true;
  busy.join();
}

TEST_F(WorkerThreadsForkTest, PoolCanBeDestroyedInTheChild) {
  auto* threads = new WorkerThreads(2);
  ASSERT_TRUE(TwoThreadsWork(*threads));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);
    delete threads;
    _exit(0);
  }
  EXPECT_EQ(ExitCodeOf(child), 0);
  delete threads;
}

TEST(WorkerThreadsSignalTest, HelpersBlockAllSignals) {
  WorkerThreads threads(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> missing{2};
  std::atomic<int> blocked{0};
  threads.ParallelFor(2, 1, [&](int64_t, int64_t) {
    missing.fetch_sub(1);
    while (missing.load() > 0) std::this_thread::yield();
    if (std::this_thread::get_id() == caller) return;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int signal : {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGCHLD})
      blocked += sigismember(&mask, signal);
  });
  EXPECT_EQ(blocked.load(), 5);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_FALSE(sigismember(&mask, SIGINT));
}

}  // namespace
}  // namespace numpack
