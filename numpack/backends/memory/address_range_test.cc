#include "numpack/backends/memory/address_range.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

constexpr size_t kReserved = 10'000'000;  // not a multiple of anything

bool AllZero(const AddressRange& range, size_t from, size_t to) {
  return std::all_of(range.data() + from, range.data() + to,
                     [](std::byte b) { return b == std::byte{0}; });
}

class AddressRangeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(range_.Reserve(kReserved).ok()); }
  AddressRange range_;
};

TEST_F(AddressRangeTest, GrowsInPlaceWithZeros) {
  const std::byte* const start = range_.data();
  for (size_t size : {size_t{1}, size_t{65536}, size_t{65537}, size_t{9'999'999}, kReserved}) {
    ASSERT_TRUE(range_.GrowTo(size).ok()) << size;
    EXPECT_TRUE(AllZero(range_, 0, size)) << size;
  }
  EXPECT_EQ(range_.data(), start);
}

TEST_F(AddressRangeTest, NeverBeyondTheReservation) {
  EXPECT_EQ(range_.GrowTo(kReserved + 1).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(AddressRangeTest, BringsBackZerosAfterShrinking) {
  for (size_t keep :
       {size_t{0}, size_t{1}, size_t{65536}, size_t{100'000}, kReserved - 1, kReserved}) {
    ASSERT_TRUE(range_.GrowTo(kReserved).ok());
    std::memset(range_.data(), 0xff, kReserved);
    range_.ShrinkTo(keep);
    ASSERT_TRUE(range_.GrowTo(kReserved).ok());
    EXPECT_TRUE(AllZero(range_, keep, kReserved)) << keep;
    EXPECT_TRUE(keep == 0 || range_.data()[keep - 1] == std::byte{0xff}) << keep;
  }
}

TEST(AddressRangeLimitTest, RefusesWhatNoSystemHas) {
  AddressRange range;
  EXPECT_EQ(range.Reserve(~size_t{0} / 2).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(range.data(), nullptr);
}

}  // namespace
}  // namespace numpack
