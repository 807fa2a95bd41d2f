// Whose failure it is: messages of the layers that know no arrays get an array's name.
#ifndef NUMPACK_BASE_NAME_ARRAY_H_
#define NUMPACK_BASE_NAME_ARRAY_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack {

// `status` with "array '<name>': " before its message, unless it is OK or names the array already.
// Code and payloads stay.
absl::Status NameArray(absl::string_view name, const absl::Status& status);

}  // namespace numpack

#endif  // NUMPACK_BASE_NAME_ARRAY_H_
