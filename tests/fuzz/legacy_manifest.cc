// .npkseg manifests: names that are accepted are UTF-8, as array names are.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/base/utf8.h"
#include "numpack/core/legacy_v1_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::legacy_v1::ManifestPart;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::vector<ManifestPart>> parts =
      numpack::legacy_v1::ParseManifest(bytes, "fuzz");
  if (!parts.ok()) return 0;
  for (const ManifestPart& part : *parts) {
    if (!numpack::IsUtf8(part.file) || part.file.size() > size) std::abort();
  }
  return 0;
}
