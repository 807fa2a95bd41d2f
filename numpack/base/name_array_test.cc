#include "numpack/base/name_array.h"

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(NameArray, KeepsCodeAndPayloads) {
  absl::Status status = absl::ResourceExhaustedError("no space");
  status.SetPayload("url", absl::Cord("28"));
  const absl::Status named = NameArray("w", status);
  EXPECT_EQ(named.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(named.message(), "array 'w': no space");
  EXPECT_EQ(named.GetPayload("url"), absl::Cord("28"));
}

TEST(NameArray, NamesOnce) {
  EXPECT_EQ(NameArray("w", absl::OkStatus()), absl::OkStatus());
  const absl::Status named = absl::NotFoundError("array 'w' does not exist");
  EXPECT_EQ(NameArray("w", named), named);
  EXPECT_NE(NameArray("v", named), named);
}

}  // namespace
}  // namespace numpack
