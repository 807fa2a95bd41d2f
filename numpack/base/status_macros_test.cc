#include "numpack/base/status_macros.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

absl::Status Check(const absl::Status& first, int* reached) {
  NUMPACK_RETURN_IF_ERROR(first);
  NUMPACK_RETURN_IF_ERROR(absl::OkStatus());  // twice in one scope
  ++*reached;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(const absl::StatusOr<int>& a, absl::StatusOr<std::unique_ptr<int>> b) {
  NUMPACK_ASSIGN_OR_RETURN(const int left, a);
  int right = 0;
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<int> owned, std::move(b));
  NUMPACK_ASSIGN_OR_RETURN(right, absl::StatusOr<int>(*owned));
  return left + right;
}

TEST(StatusMacrosTest, ReturnIfErrorStopsAtTheFirstError) {
  int reached = 0;
  EXPECT_EQ(Check(absl::NotFoundError("gone"), &reached), absl::NotFoundError("gone"));
  EXPECT_EQ(reached, 0);
  EXPECT_TRUE(Check(absl::OkStatus(), &reached).ok());
  EXPECT_EQ(reached, 1);
}

TEST(StatusMacrosTest, AssignOrReturnMovesTheValueOrReturnsTheError) {
  EXPECT_EQ(*Sum(1, std::make_unique<int>(2)), 3);
  EXPECT_EQ(Sum(absl::InternalError("a"), std::make_unique<int>(2)).status().message(), "a");
  EXPECT_EQ(Sum(1, absl::InternalError("b")).status().message(), "b");
}

}  // namespace
}  // namespace numpack
