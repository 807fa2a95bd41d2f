// Directories that NumPack 0.7 wrote: what is in them, and where its bytes lie.
//
// Everything in such a directory is untrusted: metadata is parsed with all bounds checked
// (legacy_v1_format.h, legacy_v1_manifest.h), no file outside the directory is opened, the files
// have to be as long as the metadata says, and what is kept in memory is limited. A directory that
// does not check out is an error that names the file; nothing is ever changed here.
#ifndef NUMPACK_CORE_LEGACY_V1_H_
#define NUMPACK_CORE_LEGACY_V1_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/core/array_info.h"
#include "numpack/core/legacy_v1_format.h"

namespace numpack {

// Bytes [offset, offset + bytes) of a file, by a name for Backend::OpenForeign.
struct LegacyBytes {
  std::string file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct LegacyArray {
  std::string name;
  ArrayInfo info;  // without the deleted rows

  // The rows as they are stored, deleted ones too, one part after another; none when there are no
  // bytes. No two arrays share a file.
  std::vector<LegacyBytes> parts;
  uint64_t stored_rows = 0;
  uint64_t row_bytes = 0;
  std::optional<legacy_v1::AliveRows> alive;  // when rows are deleted

  // All files that belong to it, and to nothing else: data, manifest, bitmap.
  std::vector<std::string> files;
};

// Whether `files`, the names in a directory, are those of NumPack 0.7 and not of a store.
bool IsLegacyDirectory(absl::Span<const std::string> files);

// The arrays in the order of metadata.npkm, which is no order at all. An array with an empty name,
// which a store cannot have, gets the name "unnamed", or "unnamed 2" and so on.
// NotFound without metadata.npkm; DataLoss for what does not check out; ResourceExhausted when
// metadata, manifests and bitmaps have more than 256 MiB together; Unimplemented for compressed
// arrays and for a backend without foreign_files.
absl::StatusOr<std::vector<LegacyArray>> ReadLegacyDirectory(Backend& backend);

// The data file of each array, or an empty name for one that is in parts, in the same order.
// Nothing but metadata.npkm is looked at, so the files may be missing and their names mean
// anything.
absl::StatusOr<std::vector<std::string>> LegacyDataFiles(Backend& backend);

// Hands the elements of an array, without deleted rows, to `sink` piece by piece, none longer than
// 1 MiB. Stops at the first error and returns it.
absl::Status ReadLegacyArray(Backend& backend, const LegacyArray& array,
                             absl::FunctionRef<absl::Status(absl::Span<const std::byte>)> sink);

}  // namespace numpack

#endif  // NUMPACK_CORE_LEGACY_V1_H_
