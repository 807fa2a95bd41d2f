// metadata.npkm: whatever is accepted can be written again and means the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/core/legacy_v1_format.h"

namespace {

bool Same(const numpack::legacy_v1::ArrayRecord& a, const numpack::legacy_v1::ArrayRecord& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
         a.data_file == b.data_file && a.modified_us == b.modified_us && a.nbytes == b.nbytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::legacy_v1::ArrayRecord;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::vector<ArrayRecord>> arrays =
      numpack::legacy_v1::ParseMetadata(bytes, "fuzz");
  if (!arrays.ok()) return 0;
  const absl::StatusOr<std::string> written = numpack::legacy_v1::EncodeMetadata(*arrays);
  if (!written.ok() || written->size() != size) std::abort();
  const absl::StatusOr<std::vector<ArrayRecord>> again =
      numpack::legacy_v1::ParseMetadata(*written, "again");
  if (!again.ok() || again->size() != arrays->size()) std::abort();
  for (size_t i = 0; i < arrays->size(); ++i) {
    if (!Same((*arrays)[i], (*again)[i])) std::abort();
  }
  return 0;
}
