#include "numpack/base/buffer_pool.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace numpack {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr auto kNever = std::chrono::hours(24);

BufferPoolOptions Options(uint64_t max_idle_bytes = 64 * kMiB) {
  BufferPoolOptions options;
  options.max_idle_bytes = max_idle_bytes;
  options.idle_time = kNever;
  options.available_memory = [] { return std::optional<uint64_t>(uint64_t{1} << 40); };
  return options;
}

TEST(BufferPool, ABlockComesBackForAboutTheSameSize) {
  BufferPool pool(Options());
  bool zeroed = false;
  auto* first = static_cast<char*>(pool.Get(8'000'000, &zeroed));
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(zeroed);
  EXPECT_GE(pool.Capacity(first), 8'000'000U);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 4096, 0U);
  EXPECT_EQ(first[0], 0);
  std::memset(first, 7, pool.Capacity(first));
  pool.Put(first);
  EXPECT_EQ(pool.Get(7'900'000, &zeroed), first);
  EXPECT_FALSE(zeroed);
  pool.Put(first);
  void* much_smaller = pool.Get(3'000'000);
  EXPECT_NE(much_smaller, first);
  void* larger = pool.Get(9'000'000);
  EXPECT_NE(larger, first);
  pool.Put(much_smaller);
  pool.Put(larger);
  EXPECT_EQ(pool.stats().hits, 1U);
  EXPECT_EQ(pool.stats().misses, 3U);
}

TEST(BufferPool, WhatIsInUseIsNeverGivenOut) {
  BufferPool pool(Options());
  std::vector<void*> out;
  for (int i = 0; i < 10; ++i) {
    out.push_back(pool.Get(3 * kMiB));
    std::memset(out.back(), i, 3 * kMiB);
  }
  pool.Trim();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(static_cast<char*>(out[i])[3 * kMiB - 1], i);
  EXPECT_EQ(pool.stats().used_blocks, 10U);
  for (void* block : out) pool.Put(block);
  EXPECT_EQ(pool.stats().used_blocks, 0U);
  EXPECT_EQ(pool.stats().idle_blocks, 10U);
}

TEST(BufferPool, IdleBytesAreBounded) {
  BufferPool pool(Options(10 * kMiB));
  std::vector<void*> out;
  for (int i = 0; i < 8; ++i) out.push_back(pool.Get(4 * kMiB));
  for (void* block : out) pool.Put(block);
  EXPECT_EQ(pool.stats().idle_bytes, 8 * kMiB);
  EXPECT_EQ(pool.stats().released, 6U);
  EXPECT_EQ(pool.Get(4 * kMiB), out.back());  // those idle for longest went
  pool.Put(out.back());
  void* too_large = pool.Get(12 * kMiB);
  pool.Put(too_large);
  EXPECT_EQ(pool.stats().idle_bytes, 8 * kMiB) << "a block that cannot stay costs no other";
  pool.Trim(4 * kMiB);
  EXPECT_EQ(pool.stats().idle_bytes, 4 * kMiB);
  pool.Trim();
  EXPECT_EQ(pool.stats().idle_bytes, 0U);
}

TEST(BufferPool, OnlyAShareOfTheAvailableMemoryLiesIdle) {
  BufferPoolOptions options = Options();
  options.available_memory = [] { return std::optional<uint64_t>(80 * kMiB); };
  BufferPool pool(options);
  std::vector<void*> out;
  for (int i = 0; i < 8; ++i) out.push_back(pool.Get(4 * kMiB));
  for (void* block : out) pool.Put(block);
  EXPECT_EQ(pool.stats().idle_bytes, 8 * kMiB);
}

TEST(BufferPool, LessAvailableMemoryTrims) {
  static std::atomic<uint64_t> available;
  available = 800 * kMiB;
  BufferPoolOptions options = Options();
  options.idle_time = std::chrono::seconds(2);
  options.available_memory = [] { return std::optional<uint64_t>(available); };
  BufferPool pool(options);
  void* const block = pool.Get(4 * kMiB);
  pool.Put(block);
  EXPECT_EQ(pool.stats().idle_blocks, 1U);
  available = 8 * kMiB;
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (pool.stats().idle_blocks > 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(pool.stats().idle_blocks, 0U);
}

TEST(BufferPool, TimeTrims) {
  BufferPoolOptions options = Options();
  options.idle_time = std::chrono::milliseconds(40);
  BufferPool pool(options);
  for (int round = 0; round < 3; ++round) {  // the thread ends, and starts again
    void* const kept = pool.Get(4 * kMiB);
    pool.Put(pool.Get(5 * kMiB));
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (pool.stats().idle_blocks > 0 && std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(pool.stats().idle_bytes, 0U);
    static_cast<char*>(kept)[0] = 1;  // what is in use stays
    pool.Put(kept);
  }
}

TEST(BufferPool, NoMemoryIsNull) {
  BufferPool pool(Options());
  EXPECT_EQ(pool.Get(std::numeric_limits<size_t>::max()), nullptr);
  EXPECT_EQ(pool.Get(std::numeric_limits<size_t>::max() / 8), nullptr);
  pool.Put(nullptr);
}

TEST(BufferPool, ManyThreads) {
  BufferPoolOptions options = Options(16 * kMiB);
  options.idle_time = std::chrono::milliseconds(8);
  BufferPool pool(options);
  std::vector<std::thread> threads;
  std::atomic<int> overwritten{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const size_t bytes = (2 + static_cast<size_t>(t + i) % 4) * kMiB;
        auto* block = static_cast<int*>(pool.Get(bytes));
        block[0] = t;
        block[bytes / sizeof(int) - 1] = i;
        std::this_thread::yield();
        if (block[0] != t || block[bytes / sizeof(int) - 1] != i) ++overwritten;
        pool.Put(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overwritten, 0);
  EXPECT_EQ(pool.stats().used_blocks, 0U);
  EXPECT_LE(pool.stats().idle_bytes, 16 * kMiB);
}

}  // namespace
}  // namespace numpack
