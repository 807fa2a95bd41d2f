#include "numpack/storage/limbo.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/pins.h"

namespace numpack::storage {
namespace {

class LimboTest : public testing::Test {
 protected:
  std::shared_ptr<Extent> Make(uint64_t named_at, uint64_t superseded_at, uint64_t number = 1) {
    auto extent = std::make_shared<Extent>(number, 1, 64 * number, 64, false, pins_);
    extent->named_at = named_at;
    extent->superseded_at = superseded_at;
    return extent;
  }
  bool Add(const std::shared_ptr<Extent>& extent) { return limbo_.Add(extent, pinned_); }
  size_t Collect() { return limbo_.Collect(pinned_).size(); }

  const std::unique_ptr<PinTable> table_ = std::make_unique<PinTable>();
  const std::shared_ptr<PinCounters> pins_ = std::make_shared<PinCounters>(table_.get());
  const std::function<bool(const Extent&)> pinned_ = [this](const Extent& extent) {
    return table_->count[extent.number].load() != 0;
  };
  Limbo limbo_;
};

TEST_F(LimboTest, NeverNamedIsFreeAtOnce) {
  limbo_.Barrier(10);
  EXPECT_FALSE(Add(Make(0, 0)));
}

TEST_F(LimboTest, NamedAndSupersededSinceTheBarrierIsFreeAtOnce) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  EXPECT_FALSE(Add(Make(11, 12)));
}

TEST_F(LimboTest, WhatTheSealedBarrierNamesWaitsForTheNextSeal) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  EXPECT_TRUE(Add(Make(9, 11)));
  EXPECT_EQ(Collect(), 0u);
  limbo_.Barrier(20);
  EXPECT_EQ(Collect(), 0u) << "until the barrier is sealed, a power loss can go back behind it";
  limbo_.Sealed();
  EXPECT_EQ(Collect(), 1u);
}

TEST_F(LimboTest, WhatAnUnsealedBarrierNamesWaitsToo) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  limbo_.Barrier(20);
  EXPECT_TRUE(Add(Make(15, 25)));
  EXPECT_FALSE(Add(Make(21, 25)));
}

TEST_F(LimboTest, WhatABarrierInTheMakingIsGoingToCoverWaits) {
  limbo_.Barrier(10);
  limbo_.Sealed();
  limbo_.AddPending(20);
  EXPECT_TRUE(Add(Make(15, 25)));
  EXPECT_FALSE(Add(Make(21, 25)));
  limbo_.SetPending({});
  EXPECT_EQ(Collect(), 1u);
}

TEST_F(LimboTest, PinnedWaits) {
  const std::shared_ptr<Extent> extent = Make(11, 12);
  auto pin = std::make_unique<Pin>(extent);
  auto copy = std::make_unique<Pin>(*pin);
  EXPECT_TRUE(Add(extent));
  pin.reset();
  EXPECT_EQ(Collect(), 0u);
  copy.reset();
  EXPECT_EQ(Collect(), 1u);
}

TEST_F(LimboTest, CollectSomeGoesOnWhereItStopped) {
  std::vector<Pin> pins;
  for (uint64_t number = 1; number <= 10; ++number) {
    pins.emplace_back(Make(11, 12, number));
    EXPECT_TRUE(Add(Make(11, 12, number)));
  }
  pins.erase(pins.begin() + 7);
  size_t found = 0;
  for (int i = 0; i < 5; ++i) found += limbo_.CollectSome(2, pinned_).size();
  EXPECT_EQ(found, 1u);
  EXPECT_EQ(limbo_.waiting().size(), 9u);
}

TEST_F(LimboTest, WhatAnotherProcessHasUsedAgainGoes) {
  limbo_.Keep(Make(1, 2, 1));
  limbo_.Keep(Make(1, 2, 2));
  limbo_.Keep(Make(1, 2, 3));
  const Extent overlapping(9, 1, 100, 60, false, pins_);  // of the first and the second
  EXPECT_EQ(limbo_.TakeReplacedBy(overlapping).size(), 2u);
  const Extent same_number(3, 1, 6400, 64, false, pins_);
  EXPECT_EQ(limbo_.TakeReplacedBy(same_number).size(), 1u);
  EXPECT_TRUE(limbo_.waiting().empty());
}

}  // namespace
}  // namespace numpack::storage
