#include "numpack/base/errno_payload.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace numpack {

void SetErrno(absl::Status& status, int error) {
  status.SetPayload(kErrnoPayloadUrl, absl::Cord(absl::StrCat(error)));
}

std::optional<int> GetErrno(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayloadUrl);
  int error = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &error)) {
    return std::nullopt;
  }
  return error;
}

}  // namespace numpack
