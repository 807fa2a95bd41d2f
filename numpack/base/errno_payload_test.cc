#include "numpack/base/errno_payload.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(ErrnoPayloadTest, GivesBackWhatWasSet) {
  absl::Status status = absl::ResourceExhaustedError("full");
  EXPECT_EQ(GetErrno(status), std::nullopt);
  SetErrno(status, 28);
  EXPECT_EQ(GetErrno(status), 28);
  SetErrno(status, 5);
  EXPECT_EQ(GetErrno(status), 5);
  EXPECT_EQ(status.message(), "full");
}

TEST(ErrnoPayloadTest, OkCarriesNothing) {
  absl::Status status;
  SetErrno(status, 28);
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(GetErrno(status), std::nullopt);
}

TEST(ErrnoPayloadTest, ForeignPayloadIsNotANumber) {
  absl::Status status = absl::InternalError("x");
  status.SetPayload(kErrnoPayloadUrl, absl::Cord("ENOSPC"));
  EXPECT_EQ(GetErrno(status), std::nullopt);
}

}  // namespace
}  // namespace numpack
