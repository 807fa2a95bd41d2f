#include "numpack/backends/mapped_region.h"

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

struct Counts {
  int calls = 0;
  int unmapped = 0;
};

class CountingImpl : public MappedRegion::Impl {
 public:
  explicit CountingImpl(Counts* counts) : counts_(counts) {}
  ~CountingImpl() override { ++counts_->unmapped; }
  absl::Status Flush(size_t, size_t) override { return Count(); }
  void Advise(size_t, size_t, AccessPattern) override { ++counts_->calls; }
  absl::Status PrefaultForWriting(size_t, size_t) override { return Count(); }
  absl::Status MakePrivate() override { return Count(); }

 private:
  absl::Status Count() {
    ++counts_->calls;
    return absl::OkStatus();
  }
  Counts* const counts_;
};

class MappedRegionTest : public testing::Test {
 protected:
  MappedRegion Make() {
    return MappedRegion(bytes_.data(), bytes_.size(), std::make_unique<CountingImpl>(&counts_));
  }

  Counts counts_;
  std::array<std::byte, 16> bytes_;
};

TEST_F(MappedRegionTest, EmptyRegionTakesEverything) {
  MappedRegion region;
  EXPECT_TRUE(region.empty());
  EXPECT_TRUE(region.Flush().ok());
  EXPECT_TRUE(region.PrefaultForWriting(0, 0).ok());
  EXPECT_TRUE(region.MakePrivate().ok());
  region.Advise(0, 0, AccessPattern::kRandom);
  EXPECT_EQ(region.Flush(0, 1).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MappedRegionTest, ChecksRangesBeforeTheImplementationSeesThem) {
  constexpr size_t kMax = std::numeric_limits<size_t>::max();
  MappedRegion region = Make();
  EXPECT_TRUE(region.Flush(16, 0).ok());
  for (const auto& [offset, length] :
       {std::pair<size_t, size_t>{0, 17}, {16, 1}, {17, 0}, {kMax, 1}, {1, kMax}}) {
    EXPECT_EQ(region.Flush(offset, length).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(region.PrefaultForWriting(offset, length).code(), absl::StatusCode::kInvalidArgument);
    region.Advise(offset, length, AccessPattern::kWillNeed);
  }
  EXPECT_EQ(counts_.calls, 0);
  EXPECT_TRUE(region.Flush().ok());
  EXPECT_TRUE(region.PrefaultForWriting(15, 1).ok());
  EXPECT_TRUE(region.MakePrivate().ok());
  region.Advise(0, 16, AccessPattern::kDoneWith);
  EXPECT_EQ(counts_.calls, 4);
}

TEST_F(MappedRegionTest, UnmapsOnce) {
  {
    MappedRegion first = Make();
    MappedRegion second = std::move(first);
    EXPECT_EQ(second.data(), bytes_.data());
    EXPECT_EQ(counts_.unmapped, 0);
    second = MappedRegion();
    EXPECT_EQ(counts_.unmapped, 1);
    EXPECT_EQ(second.data(), nullptr);
  }
  EXPECT_EQ(counts_.unmapped, 1);
}

}  // namespace
}  // namespace numpack
