#include "numpack/storage/limbo.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "gtest/gtest.h"
#include "numpack/storage/extent.h"

namespace numpack::storage {
namespace {

class LimboTest : public testing::Test {
 protected:
  std::shared_ptr<Extent> Make(uint64_t named_at, uint64_t superseded_at) {
    auto extent = std::make_shared<Extent>(1, 1, 0, 64, false, releases_);
    extent->named_at = named_at;
    extent->superseded_at = superseded_at;
    return extent;
  }

  std::shared_ptr<std::atomic<uint64_t>> releases_ = std::make_shared<std::atomic<uint64_t>>(0);
  Limbo limbo_;
};

TEST_F(LimboTest, NeverNamedIsFreeAtOnce) {
  limbo_.Barrier(10);
  EXPECT_FALSE(limbo_.Add(Make(0, 0)));
}

TEST_F(LimboTest, NamedAndSupersededSinceTheBarrierIsFreeAtOnce) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  EXPECT_FALSE(limbo_.Add(Make(11, 12)));
}

TEST_F(LimboTest, WhatTheSealedBarrierNamesWaitsForTheNextSeal) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  EXPECT_TRUE(limbo_.Add(Make(9, 11)));
  EXPECT_TRUE(limbo_.Collect().empty());
  limbo_.Barrier(20);
  EXPECT_TRUE(limbo_.Collect().empty())
      << "until the barrier is sealed, a power loss can go back behind it";
  limbo_.Sealed();
  EXPECT_EQ(limbo_.Collect().size(), 1u);
}

TEST_F(LimboTest, WhatAnUnsealedBarrierNamesWaitsToo) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  limbo_.Barrier(20);
  EXPECT_TRUE(limbo_.Add(Make(15, 25)));
  EXPECT_FALSE(limbo_.Add(Make(21, 25)));
}

TEST_F(LimboTest, PinnedWaitsAndItsReleaseIsReported) {
  const std::shared_ptr<Extent> extent = Make(11, 12);
  std::optional<Pin> pin(extent);
  std::optional<Pin> copy(*pin);
  EXPECT_TRUE(limbo_.Add(extent));
  pin.reset();
  EXPECT_TRUE(limbo_.Collect().empty());
  EXPECT_EQ(releases_->load(), 0u);
  copy.reset();
  EXPECT_EQ(releases_->load(), 1u);
  EXPECT_EQ(limbo_.Collect().size(), 1u);
}

TEST_F(LimboTest, ReleasesOfLiveExtentsAreNotReported) {
  const std::shared_ptr<Extent> extent = Make(11, 0);
  { const Pin pin(extent); }
  EXPECT_EQ(releases_->load(), 0u);
}

}  // namespace
}  // namespace numpack::storage
