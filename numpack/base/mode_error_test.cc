#include "numpack/base/mode_error.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(ModeError, IsAFailedPreconditionThatCanBeToldApart) {
  const absl::Status status = ModeError("end it first");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "end it first");
  EXPECT_TRUE(IsModeError(status));
  EXPECT_FALSE(IsModeError(absl::FailedPreconditionError("closed")));
  EXPECT_FALSE(IsModeError(absl::OkStatus()));
}

TEST(ModeError, OnlyAFailedPreconditionIsMarked) {
  EXPECT_TRUE(IsModeError(AsModeError(absl::FailedPreconditionError("open in place"))));
  EXPECT_FALSE(IsModeError(AsModeError(absl::NotFoundError("no such array"))));
  EXPECT_EQ(AsModeError(absl::OkStatus()), absl::OkStatus());
}

}  // namespace
}  // namespace numpack
