#include "numpack/core/array_metadata.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(ArrayMetadata, RoundTrip) {
  const ArrayInfo info{DType::kComplex64, {3, 0, 5}, 0, 123456789};
  const absl::StatusOr<ArrayInfo> back = DecodeMetadata(EncodeMetadata(info));
  ASSERT_EQ(back.status(), absl::OkStatus());
  EXPECT_EQ(back->dtype, info.dtype);
  EXPECT_EQ(back->shape, info.shape);
  EXPECT_EQ(back->modified_us, info.modified_us);
  EXPECT_EQ(DecodeMetadata(EncodeMetadata({DType::kInt16, {3, 5}, 0, 0}))->nbytes, 30);
}

TEST(ArrayMetadata, HostileBytesAreRefused) {
  const std::string good = EncodeMetadata({DType::kInt16, {3, 5}, 30, 1});
  for (size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(DecodeMetadata(std::string(good.data(), cut)).status().code(),
              absl::StatusCode::kDataLoss)
        << cut;
  }
  EXPECT_EQ(DecodeMetadata(good + "x").status().code(), absl::StatusCode::kDataLoss);
  const auto with = [&](size_t at, char value) {
    std::string bytes = good;
    bytes[at] = value;
    return DecodeMetadata(bytes).status().code();
  };
  EXPECT_EQ(with(0, 2), absl::StatusCode::kFailedPrecondition) << "a later version";
  EXPECT_EQ(with(1, 14), absl::StatusCode::kDataLoss) << "an unknown dtype";
  EXPECT_EQ(with(2, 3), absl::StatusCode::kDataLoss) << "more axes than there are";
  EXPECT_EQ(with(good.size() - 1, '\x80'), absl::StatusCode::kDataLoss) << "a negative axis";
  EXPECT_EQ(with(good.size() - 1, '\x7f'), absl::StatusCode::kDataLoss) << "a huge axis";
}

TEST(ArrayMetadata, TimesGrow) {
  const int64_t first = NowMicros();
  const int64_t second = NowMicros();
  EXPECT_GT(second, first);
  EXPECT_GT(DecodeMetadata(*TouchMetadata(EncodeMetadata({DType::kInt8, {}, 1, 0})))->modified_us,
            second);
}

}  // namespace
}  // namespace numpack
