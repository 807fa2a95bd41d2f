#include "numpack/base/name_array.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace numpack {

absl::Status NameArray(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  const std::string quoted = absl::StrCat("'", name, "'");
  if (absl::StrContains(status.message(), quoted)) return status;
  absl::Status named(status.code(), absl::StrCat("array ", quoted, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { named.SetPayload(url, payload); });
  return named;
}

}  // namespace numpack
