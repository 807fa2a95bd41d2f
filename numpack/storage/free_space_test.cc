#include "numpack/storage/free_space.h"

#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace numpack::storage {
namespace {

TEST(FreeSpace, NeighboursBecomeOne) {
  FreeSpace free;
  free.Add({1, 0, 64});
  free.Add({1, 128, 64});
  EXPECT_FALSE(free.Take(192, 64).has_value());
  free.Add({1, 64, 64});
  const auto range = free.Take(192, 64);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->offset, 0u);
  EXPECT_EQ(free.bytes(), 0u);
}

TEST(FreeSpace, SegmentsDoNotTouch) {
  FreeSpace free;
  free.Add({1, 0, 64});
  free.Add({2, 64, 64});
  EXPECT_FALSE(free.Take(128, 64).has_value());
}

TEST(FreeSpace, SmallestThatFits) {
  FreeSpace free;
  free.Add({1, 0, 640});
  free.Add({1, 1024, 128});
  EXPECT_EQ(free.Take(128, 64)->offset, 1024u);
  EXPECT_EQ(free.Take(128, 64)->offset, 0u);
  EXPECT_EQ(free.bytes(), 512u);
}

TEST(FreeSpace, AlignmentLeavesTheRest) {
  FreeSpace free;
  free.Add({1, 64, 8192});
  const auto range = free.Take(4096, 4096);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->offset, 4096u);
  EXPECT_EQ(free.bytes(), 4096u);
  EXPECT_FALSE(free.Take(4096, 4096).has_value());
  EXPECT_TRUE(free.Take(4032, 64).has_value());
}

TEST(FreeSpace, Tail) {
  FreeSpace free;
  free.Add({1, 64, 64});
  free.Add({1, 256, 64});
  EXPECT_FALSE(free.TakeTail(1, 1024).has_value());
  EXPECT_FALSE(free.TakeTail(2, 320).has_value());
  EXPECT_EQ(free.TakeTail(1, 320)->offset, 256u);
  EXPECT_EQ(free.bytes(), 64u);
}

TEST(FreeSpace, WhatIsSetAsideIsNotTaken) {
  FreeSpace free;
  free.Add({1, 0, 128});
  free.Add({2, 0, 64});
  free.SetAside(1);
  free.SetAside(1);
  EXPECT_TRUE(free.IsAside(1));
  free.Add({1, 128, 64});  // it coalesces and counts all the same
  EXPECT_EQ(free.bytes(), 256u);
  EXPECT_EQ(free.Take(64, 64)->segment, 2u);
  EXPECT_FALSE(free.Take(64, 64).has_value());
  free.Remove({1, 0, 64});
  free.PutBack();
  EXPECT_FALSE(free.IsAside(1));
  EXPECT_EQ(free.Take(128, 64)->offset, 64u);
  EXPECT_EQ(free.bytes(), 0u);
}

// Against a map of which 64-byte cells are taken.
TEST(FreeSpace, RandomRunAgainstAModel) {
  constexpr size_t kCells = 512;
  FreeSpace free;
  free.Add({1, 0, kCells * 64});
  std::vector<bool> taken(kCells);
  std::vector<FreeSpace::Range> held;
  std::mt19937 random(1);
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 || held.empty()) {
      const uint64_t cells = 1 + random() % 20;
      const uint64_t alignment = uint64_t{64} << (random() % 4);
      const auto range = free.Take(cells * 64, alignment);
      if (!range.has_value()) continue;
      ASSERT_EQ(range->offset % alignment, 0u);
      ASSERT_EQ(range->length, cells * 64);
      for (uint64_t i = 0; i < cells; ++i) {
        ASSERT_FALSE(taken[range->offset / 64 + i]);
        taken[range->offset / 64 + i] = true;
      }
      held.push_back(*range);
    } else {
      std::swap(held[random() % held.size()], held.back());
      for (uint64_t i = 0; i < held.back().length / 64; ++i)
        taken[held.back().offset / 64 + i] = false;
      free.Add(held.back());
      held.pop_back();
    }
    uint64_t used = 0;
    for (const auto& range : held) used += range.length;
    ASSERT_EQ(free.bytes(), kCells * 64 - used);
  }
  for (const auto& range : held) free.Add(range);
  EXPECT_TRUE(free.Take(kCells * 64, 64).has_value());  // all of it is one piece again
}

}  // namespace
}  // namespace numpack::storage
