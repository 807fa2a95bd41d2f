// What only POSIX systems have: fork.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <thread>

#include "gtest/gtest.h"
#include "numpack/base/buffer_pool.h"
#include "numpack/base/forked_threads_for_test.h"

namespace numpack {
namespace {

constexpr size_t kBytes = size_t{3} << 20;

// What a child does with its pool; its exit code.
int UsePool(char* inherited) {
  BufferPool& pool = DefaultBufferPool();
  if (pool.stats().idle_blocks != 0) return 1;  // they were let go
  if (inherited[0] != 'x') return 2;
  pool.Put(inherited);
  auto* block = static_cast<char*>(pool.Get(kBytes));
  if (block == nullptr) return 3;
  block[0] = 'y';
  pool.Put(block);
  return pool.stats().idle_blocks == 1 ? 0 : 4;
}

TEST(BufferPoolFork, AChildGoesOnWithAPoolOfItsOwn) {
  if (WhyNoForkedThreads() != nullptr) GTEST_SKIP() << WhyNoForkedThreads();
  BufferPool& pool = DefaultBufferPool();
  auto* kept = static_cast<char*>(pool.Get(kBytes));
  kept[0] = 'x';
  // Another thread is always somewhere in the pool, with its lock now and then.
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) pool.Put(pool.Get(kBytes));
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(UsePool(kept));
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  stop = true;
  busy.join();
  EXPECT_EQ(kept[0], 'x');
  pool.Put(kept);
}

}  // namespace
}  // namespace numpack
