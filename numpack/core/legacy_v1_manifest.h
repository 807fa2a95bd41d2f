// The manifest (.npkseg) of an array that NumPack 0.7 stored in parts.
#ifndef NUMPACK_CORE_LEGACY_V1_MANIFEST_H_
#define NUMPACK_CORE_LEGACY_V1_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace numpack::legacy_v1 {

struct ManifestPart {
  std::string file;  // as it stands there: nobody has looked where it leads
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// Parses
//   {"version": 1, "segments": [{"file": "<name>", "rows": <n>, "bytes": <n>}, ...]}
// with any space between and the members of an object in any order, and nothing else that JSON can
// have. The bytes are untrusted: nothing nests deeper than that, so neither can the parser, and
// memory stays within a small multiple of the input. DataLoss names `file` and the offset;
// FailedPrecondition for another version.
absl::StatusOr<std::vector<ManifestPart>> ParseManifest(absl::string_view bytes,
                                                        absl::string_view file);

}  // namespace numpack::legacy_v1

#endif  // NUMPACK_CORE_LEGACY_V1_MANIFEST_H_
