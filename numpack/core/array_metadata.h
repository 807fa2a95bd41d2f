// The metadata blob that core keeps with each stored array: dtype, shape, time of the last change.
#ifndef NUMPACK_CORE_ARRAY_METADATA_H_
#define NUMPACK_CORE_ARRAY_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/core/array_info.h"
#include "numpack/storage/pinned_bytes.h"

namespace numpack {

std::string EncodeMetadata(const ArrayInfo& info);

// DataLoss when the bytes are no metadata.
absl::StatusOr<ArrayInfo> DecodeMetadata(absl::string_view bytes);

// The metadata of stored bytes. DataLoss when it does not fit their length.
absl::StatusOr<ArrayInfo> InfoOf(absl::string_view name, const storage::PinnedBytes& bytes);

// Bytes that are stored for the array, dropped rows included; nothing when they cannot be.
std::optional<int64_t> StoredBytes(const ArrayInfo& info);

// The metadata with the time of the last change set to now.
absl::StatusOr<std::string> TouchMetadata(absl::string_view bytes);

// Microseconds since the Unix epoch; each call gives a later one than the call before in this
// process.
int64_t NowMicros();

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_METADATA_H_
