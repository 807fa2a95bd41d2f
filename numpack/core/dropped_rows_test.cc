#include "numpack/core/dropped_rows.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "numpack/base/codec.h"

namespace numpack {
namespace {

using Gap = DroppedRows::Run;

TEST(DroppedRows, CountsRowsAroundTheGaps) {
  const std::vector<Gap> gaps = {{0, 2}, {5, 6}, {9, 12}};
  const DroppedRows dropped(gaps);
  EXPECT_EQ(dropped.count(), 6);
  EXPECT_EQ(dropped.Stored(0), 2);
  EXPECT_EQ(dropped.Stored(2), 4);
  EXPECT_EQ(dropped.Stored(3), 6);
  EXPECT_EQ(dropped.Stored(6), 12);
  EXPECT_EQ(dropped.StoredRuns(0, 7), (std::vector<Gap>{{2, 5}, {6, 9}, {12, 13}}));
  EXPECT_EQ(dropped.StoredRuns(3, 4), (std::vector<Gap>{{6, 7}}));
  EXPECT_TRUE(dropped.StoredRuns(4, 4).empty());
}

// Against a list of the rows that are left.
TEST(DroppedRows, AgreesWithAList) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same run every time
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> left(std::uniform_int_distribution<size_t>(1, 60)(random));
    for (size_t i = 0; i < left.size(); ++i) left[i] = static_cast<int64_t>(i);
    std::shared_ptr<const DroppedRows> dropped;
    for (int step = 0; step < 5 && left.size() > 1; ++step) {
      const auto begin = std::uniform_int_distribution<size_t>(0, left.size() - 2)(random);
      const auto end = std::uniform_int_distribution<size_t>(begin + 1, left.size() - 1)(random);
      dropped = DroppedRows::Add(dropped.get(),
                                 {{static_cast<int64_t>(begin), static_cast<int64_t>(end)}});
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(begin),
                 left.begin() + static_cast<std::ptrdiff_t>(end));
      for (size_t i = 0; i < left.size(); ++i)
        ASSERT_EQ(dropped->Stored(static_cast<int64_t>(i)), left[i]);
      std::vector<int64_t> listed;
      for (const auto& [from, to] : dropped->StoredRuns(0, static_cast<int64_t>(left.size()))) {
        for (int64_t row = from; row < to; ++row) listed.push_back(row);
      }
      ASSERT_EQ(listed, left);

      std::string bytes;
      Encoder out(&bytes);
      dropped->Encode(out);
      Decoder in(bytes);
      const auto decoded = DroppedRows::Decode(in);
      ASSERT_EQ(decoded.status(), absl::OkStatus());
      EXPECT_EQ((*decoded)->count(), dropped->count());
      EXPECT_EQ((*decoded)->Stored(0), dropped->Stored(0));
    }
  }
}

TEST(DroppedRows, HostileBytesAreRefused) {
  const std::vector<std::string> hostile = {
      "", std::string(4, '\0'), std::string(4, '\xff'), std::string("\1\0\0\0\0\0\0\0\0\0\0\0", 12),
      std::string("\2\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0", 20)};
  for (const std::string& bytes : hostile) {
    Decoder in(bytes);
    EXPECT_EQ(DroppedRows::Decode(in).status().code(), absl::StatusCode::kDataLoss) << bytes.size();
  }
}

}  // namespace
}  // namespace numpack
