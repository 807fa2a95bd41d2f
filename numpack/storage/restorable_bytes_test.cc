#include "numpack/storage/restorable_bytes.h"

#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace numpack::storage {
namespace {

TEST(RestorableBytesTest, HasWhatWasAdded) {
  RestorableBytes bytes;
  bytes.SetState(5);
  EXPECT_FALSE(bytes.Contains(1, 0, 1));
  bytes.Add(1, 10, 20);
  EXPECT_TRUE(bytes.Contains(1, 10, 20));
  EXPECT_TRUE(bytes.Contains(1, 13, 14));
  EXPECT_FALSE(bytes.Contains(1, 9, 20));
  EXPECT_FALSE(bytes.Contains(1, 10, 21));
  EXPECT_FALSE(bytes.Contains(2, 10, 20)) << "another extent";
}

TEST(RestorableBytesTest, RangesThatTouchAreOne) {
  RestorableBytes bytes;
  bytes.Add(1, 10, 20);
  bytes.Add(1, 30, 40);
  EXPECT_FALSE(bytes.Contains(1, 15, 35));
  bytes.Add(1, 20, 30);
  EXPECT_TRUE(bytes.Contains(1, 10, 40));
}

TEST(RestorableBytesTest, AnotherStateForgetsAll) {
  RestorableBytes bytes;
  bytes.SetState(5);
  bytes.Add(1, 10, 20);
  bytes.SetState(5);
  EXPECT_TRUE(bytes.Contains(1, 10, 20));
  bytes.SetState(6);
  EXPECT_FALSE(bytes.Contains(1, 10, 20));
}

TEST(RestorableBytesTest, TellsWhereTheLastWasAdded) {
  RestorableBytes bytes;
  EXPECT_FALSE(bytes.LastIsNear(1, 0, 1000));
  bytes.Add(1, 100, 200);
  EXPECT_TRUE(bytes.LastIsNear(1, 205, 5));
  EXPECT_FALSE(bytes.LastIsNear(1, 206, 5));
  EXPECT_TRUE(bytes.LastIsNear(1, 95, 5));
  EXPECT_FALSE(bytes.LastIsNear(1, 94, 5));
  EXPECT_FALSE(bytes.LastIsNear(2, 150, 5));
  bytes.SetState(1);
  EXPECT_FALSE(bytes.LastIsNear(1, 150, 5));
}

TEST(RestorableBytesTest, IsRightForAnyRanges) {
  constexpr uint64_t kBytes = 60;
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    RestorableBytes bytes;
    std::vector<bool> model(kBytes);
    for (int step = 0; step < 12; ++step) {
      const uint64_t begin = random() % (kBytes - 1);
      const uint64_t end = begin + 1 + random() % (kBytes - begin - 1 < 9 ? kBytes - begin : 9);
      bytes.Add(3, begin, end);
      for (uint64_t at = begin; at < end; ++at) model[at] = true;
      for (uint64_t from = 0; from < kBytes; ++from) {
        bool all = true;
        for (uint64_t to = from + 1; to <= kBytes; ++to) {
          all = all && model[to - 1];
          ASSERT_EQ(bytes.Contains(3, from, to), all) << from << " " << to;
        }
      }
    }
  }
}

}  // namespace
}  // namespace numpack::storage
