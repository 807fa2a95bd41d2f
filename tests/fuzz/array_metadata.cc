// The metadata of arrays. What is accepted has one encoding, and the rows it speaks of lie within
// the stored ones, each once.

#include "numpack/core/array_metadata.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/core/array_info.h"
#include "numpack/core/dropped_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<numpack::ArrayInfo> info = numpack::DecodeMetadata(bytes);
  if (!info.ok()) return 0;
  if (numpack::EncodeMetadata(*info) != bytes || info->nbytes < 0) std::abort();
  const std::optional<int64_t> stored = numpack::StoredBytes(*info);
  if (!stored.has_value()) return 0;  // a store refuses it
  if (*stored < info->nbytes) std::abort();
  if (info->dropped == nullptr) return 0;
  const int64_t rows = info->shape[0];
  const int64_t stored_rows = rows + info->dropped->count();
  int64_t sum = 0;
  int64_t at = 0;
  for (const auto& [begin, end] : info->dropped->StoredRuns(0, rows)) {
    if (begin < at || end <= begin || end > stored_rows) std::abort();
    sum += end - begin;
    at = end;
  }
  if (sum != rows) std::abort();
  return 0;
}
