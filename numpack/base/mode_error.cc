#include "numpack/base/mode_error.h"

#include "absl/strings/cord.h"

namespace numpack {
namespace {

constexpr absl::string_view kTypeUrl = "numpack/mode_error";

}  // namespace

absl::Status ModeError(absl::string_view message) {
  return AsModeError(absl::FailedPreconditionError(message));
}

absl::Status AsModeError(absl::Status status) {
  if (absl::IsFailedPrecondition(status)) status.SetPayload(kTypeUrl, absl::Cord());
  return status;
}

bool IsModeError(const absl::Status& status) { return status.GetPayload(kTypeUrl).has_value(); }

}  // namespace numpack
