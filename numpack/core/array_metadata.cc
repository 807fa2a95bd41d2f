#include "numpack/core/array_metadata.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/dropped_rows.h"

namespace numpack {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kHasDroppedRows = 1;  // in the flags

}  // namespace

std::string EncodeMetadata(const ArrayInfo& info) {
  std::string bytes;
  Encoder out(&bytes);
  out.U8(kVersion);
  out.U8(static_cast<uint8_t>(info.dtype));
  out.U8(static_cast<uint8_t>(info.shape.size()));
  out.U8(info.dropped == nullptr ? 0 : kHasDroppedRows);
  out.U64(static_cast<uint64_t>(info.modified_us));
  for (const int64_t axis : info.shape) out.U64(static_cast<uint64_t>(axis));
  if (info.dropped != nullptr) info.dropped->Encode(out);
  return bytes;
}

absl::StatusOr<ArrayInfo> DecodeMetadata(absl::string_view bytes) {
  Decoder in(bytes);
  const uint8_t version = in.U8();
  const uint8_t dtype = in.U8();
  const uint8_t rank = in.U8();
  const uint8_t flags = in.U8();
  ArrayInfo info;
  info.modified_us = static_cast<int64_t>(in.U64());
  if (in.failed() || in.remaining() < size_t{8} * rank)
    return absl::DataLossError("malformed array metadata");
  if (version != kVersion || (flags & ~kHasDroppedRows) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("array metadata of version ", version, ": the store needs a newer NumPack"));
  }
  for (int i = 0; i < rank; ++i) info.shape.push_back(static_cast<int64_t>(in.U64()));
  if ((flags & kHasDroppedRows) != 0) {
    if (rank == 0) return absl::DataLossError("a 0-d array without some of its rows");
    NUMPACK_ASSIGN_OR_RETURN(info.dropped, DroppedRows::Decode(in));
  }
  if (in.failed() || in.remaining() != 0) return absl::DataLossError("malformed array metadata");
  const absl::StatusOr<DType> known = DTypeFromCode(dtype);
  if (!known.ok()) return absl::DataLossError(known.status().message());
  info.dtype = *known;
  const absl::StatusOr<int64_t> elements = CountElements(info.shape, info.dtype);
  if (!elements.ok()) return absl::DataLossError(elements.status().message());
  info.nbytes = *elements * static_cast<int64_t>(ItemSize(info.dtype));
  return info;
}

absl::StatusOr<ArrayInfo> InfoOf(absl::string_view name, const storage::PinnedBytes& bytes) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, DecodeMetadata(bytes.metadata()));
  const std::optional<int64_t> stored = StoredBytes(info);
  if (!stored.has_value() || static_cast<uint64_t>(*stored) != bytes.length()) {
    return absl::DataLossError(absl::StrCat(
        "array '", name, "' of shape ", ShapeString(info.shape), " and dtype ",
        DTypeName(info.dtype), " does not have the ", bytes.length(), " bytes that are stored"));
  }
  info.has_checksum = bytes.has_checksum();
  return info;
}

std::optional<int64_t> StoredBytes(const ArrayInfo& info) {
  if (info.dropped == nullptr) return info.nbytes;
  Shape stored = info.shape;
  const std::optional<uint64_t> rows =
      CheckedAdd(static_cast<uint64_t>(stored[0]), static_cast<uint64_t>(info.dropped->count()));
  if (!rows.has_value() || *rows > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
      static_cast<uint64_t>(info.dropped->stored_end()) > *rows) {
    return std::nullopt;
  }
  stored[0] = static_cast<int64_t>(*rows);
  const absl::StatusOr<int64_t> elements = CountElements(stored, info.dtype);
  if (!elements.ok()) return std::nullopt;
  return *elements * static_cast<int64_t>(ItemSize(info.dtype));
}

absl::StatusOr<std::string> TouchMetadata(absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, DecodeMetadata(bytes));
  info.modified_us = NowMicros();
  return EncodeMetadata(info);
}

int64_t NowMicros() {
  // Two changes in one microsecond, or a clock that was set back, must not look like no change.
  static std::atomic<int64_t> last{0};
  const int64_t now = absl::ToUnixMicros(absl::Now());
  int64_t before = last.load(std::memory_order_relaxed);
  int64_t result = 0;
  do {
    result = std::max(now, before + 1);
  } while (!last.compare_exchange_weak(before, result, std::memory_order_relaxed));
  return result;
}

}  // namespace numpack
