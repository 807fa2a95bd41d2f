#include "numpack/batch/recommend_mode.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kMB = 1'000'000;
constexpr uint64_t kPlenty = 64'000 * kMB;

TEST(RecommendMode, FollowsTheGuide) {
  const auto mode = [](uint64_t bytes, bool shape_change, std::optional<uint64_t> available) {
    return RecommendMode(bytes, shape_change, available).mode;
  };
  EXPECT_EQ(mode(0, false, kPlenty), BatchMode::kBatch);
  EXPECT_EQ(mode(10 * kMB, false, kPlenty), BatchMode::kBatch);
  EXPECT_EQ(mode(100 * kMB, false, kPlenty), BatchMode::kBatch);
  EXPECT_EQ(mode(100 * kMB + 1, false, kPlenty), BatchMode::kWritableBatch);
  EXPECT_EQ(mode(5'000 * kMB, false, kPlenty), BatchMode::kWritableBatch);
  // Half of the memory.
  EXPECT_EQ(mode(50 * kMB, false, 100 * kMB), BatchMode::kBatch);
  EXPECT_EQ(mode(50 * kMB + 1, false, 100 * kMB), BatchMode::kWritableBatch);
  EXPECT_EQ(mode(1, false, 0), BatchMode::kWritableBatch);
  // Only one mode can change shapes.
  EXPECT_EQ(mode(5'000 * kMB, true, kPlenty), BatchMode::kBatch);
  EXPECT_EQ(mode(5'000 * kMB, true, 100 * kMB), BatchMode::kBatch);
  // Where the memory is not known, the size decides.
  EXPECT_EQ(mode(100 * kMB, false, std::nullopt), BatchMode::kBatch);
  EXPECT_EQ(mode(101 * kMB, false, std::nullopt), BatchMode::kWritableBatch);
}

TEST(RecommendMode, SaysWhy) {
  EXPECT_EQ(RecommendMode(60 * kMB, false, 100 * kMB).reason,
            "60 MB is more than half of the available memory (100 MB), and needs no copy there");
  EXPECT_THAT(RecommendMode(200 * kMB, false, kPlenty).reason, HasSubstr("more than 100 MB"));
  EXPECT_THAT(RecommendMode(80'000, false, kPlenty).reason, HasSubstr("0.08 MB is at most 100 MB"));
  EXPECT_THAT(RecommendMode(60 * kMB, true, 100 * kMB).reason, HasSubstr("set a memory limit"));
  EXPECT_THAT(RecommendMode(60 * kMB, true, kPlenty).reason, Not(HasSubstr("limit")));
}

TEST(RecommendMode, AsksTheMachineByItself) {
  EXPECT_EQ(RecommendMode(uint64_t{1} << 60).mode, BatchMode::kWritableBatch);
  EXPECT_EQ(RecommendMode(0).mode, BatchMode::kBatch);
}

}  // namespace
}  // namespace numpack
