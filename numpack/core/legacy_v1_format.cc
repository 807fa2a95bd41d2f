#include "numpack/core/legacy_v1_format.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/numeric/bits.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/base/utf8.h"

namespace numpack::legacy_v1 {
namespace {

constexpr uint32_t kMagic = 0x424B504E;  // "NPKB"
constexpr uint32_t kVersion = 1;
// Those of an array without name, axes and file name.
constexpr size_t kLeastRecordBytes = 51;
// As long as names can be in a store (numpack/storage/log_payload.h).
constexpr size_t kMaxNameBytes = size_t{1} << 20;
constexpr size_t kShownNameBytes = 100;
constexpr uint64_t kBitmapHeadingBytes = 16;

std::string Shown(absl::string_view name) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(name.substr(0, kShownNameBytes)),
                      name.size() > kShownNameBytes ? "...'" : "'");
}

// Reads the records one after another, and says where it found something wrong.
class MetadataReader {
 public:
  MetadataReader(absl::string_view bytes, absl::string_view file)
      : size_(bytes.size()), file_(file), in_(bytes) {}

  absl::StatusOr<std::vector<ArrayRecord>> Read() {
    NUMPACK_ASSIGN_OR_RETURN(const uint32_t count, ReadHeading());
    std::vector<ArrayRecord> arrays;
    arrays.reserve(count);
    absl::flat_hash_set<std::string> names;
    for (uint32_t i = 0; i < count; ++i) {
      NUMPACK_ASSIGN_OR_RETURN(ArrayRecord array, ReadArray());
      if (!names.insert(array.name).second)
        return Error(absl::StrCat("there is a second array ", Shown(array.name)));
      arrays.push_back(std::move(array));
    }
    at_ = offset();
    if (in_.remaining() != 0)
      return Error(absl::StrCat(in_.remaining(), " bytes follow the last array"));
    return arrays;
  }

 private:
  size_t offset() const { return size_ - in_.remaining(); }

  absl::Status Error(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(file_, ", byte ", at_, ": ", what));
  }
  // For what begins at at_.
  absl::Status CheckThere(absl::string_view what) const {
    return in_.failed() ? Error(absl::StrCat("the file ends in ", what)) : absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ReadHeading() {
    const uint32_t magic = in_.U32();
    const uint32_t version = in_.U32();
    in_.U64();  // the sum of all sizes, which nobody needs
    const uint32_t count = in_.U32();
    NUMPACK_RETURN_IF_ERROR(CheckThere("the heading"));
    if (magic != kMagic) return Error("this is no metadata file of NumPack 0.7");
    if (version != kVersion) {
      return absl::FailedPreconditionError(absl::StrCat(
          file_, " has version ", version, "; only version 1, of NumPack 0.7, can be read"));
    }
    if (count > in_.remaining() / kLeastRecordBytes) {
      return Error(
          absl::StrCat("it claims ", count, " arrays, which cannot be in ", size_, " bytes"));
    }
    return count;
  }

  absl::StatusOr<ArrayRecord> ReadArray() {
    ArrayRecord array;
    at_ = offset();
    array.name = std::string(in_.Bytes());
    NUMPACK_RETURN_IF_ERROR(CheckThere("an array's name"));
    if (array.name.size() > kMaxNameBytes || !IsUtf8(array.name))
      return Error(absl::StrCat("the name ", Shown(array.name), " is too long or no UTF-8"));
    NUMPACK_ASSIGN_OR_RETURN(array.shape, ReadShape(array.name));
    at_ = offset();
    array.data_file = std::string(in_.Bytes());
    NUMPACK_RETURN_IF_ERROR(CheckThere("the name of a data file"));
    array.modified_us = in_.U64();
    const size_t size_at = offset();
    const uint64_t nbytes = in_.U64();
    const uint8_t dtype = in_.U8();
    NUMPACK_RETURN_IF_ERROR(ReadCompression(array.name));
    at_ = size_at;
    const absl::StatusOr<DType> known = DTypeFromCode(dtype);
    if (!known.ok()) {
      return Error(absl::StrCat("array ", Shown(array.name), " has a dtype code ", dtype,
                                " that there is not"));
    }
    array.dtype = *known;
    const absl::StatusOr<int64_t> elements = CountElements(array.shape, array.dtype);
    if (!elements.ok()) {
      return Error(absl::StrCat("array ", Shown(array.name), ": ", elements.status().message()));
    }
    array.nbytes = static_cast<uint64_t>(*elements) * ItemSize(array.dtype);
    if (array.nbytes != nbytes) {
      return Error(absl::StrCat("array ", Shown(array.name), " of shape ", ShapeString(array.shape),
                                " and dtype ", DTypeName(array.dtype), " has ", array.nbytes,
                                " bytes, not ", nbytes));
    }
    return array;
  }

  absl::StatusOr<Shape> ReadShape(absl::string_view name) {
    at_ = offset();
    const uint32_t rank = in_.U32();
    NUMPACK_RETURN_IF_ERROR(CheckThere("a shape"));
    if (rank > static_cast<uint32_t>(numpack::kMaxRank))
      return Error(absl::StrCat("array ", Shown(name), " claims ", rank, " axes"));
    Shape shape;
    for (uint32_t i = 0; i < rank; ++i) {
      const uint64_t axis = in_.U64();
      if (axis > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return Error(absl::StrCat("array ", Shown(name), " has an axis of ", axis));
      shape.push_back(static_cast<int64_t>(axis));
    }
    NUMPACK_RETURN_IF_ERROR(CheckThere("a shape"));
    return shape;
  }

  absl::Status ReadCompression(absl::string_view name) {
    at_ = offset();
    const uint8_t algorithm = in_.U8();
    in_.U32();  // level; with the two sizes it means nothing where nothing is compressed
    in_.U64();
    in_.U64();
    const uint8_t blocks = in_.U8();
    NUMPACK_RETURN_IF_ERROR(CheckThere("the description of an array"));
    if (algorithm == 0 && blocks == 0) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat(file_, ", byte ", at_, ": array ", Shown(name),
                     " is compressed, which cannot be read; store it again uncompressed with the "
                     "program that wrote it"));
  }

  const size_t size_;
  const absl::string_view file_;
  Decoder in_;
  size_t at_ = 0;  // where the field begins that is being looked at
};

absl::Status BitmapError(absl::string_view file, uint64_t at, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(file, ", byte ", at, ": ", what));
}

}  // namespace

absl::StatusOr<std::vector<ArrayRecord>> ParseMetadata(absl::string_view bytes,
                                                       absl::string_view file) {
  return MetadataReader(bytes, file).Read();
}

absl::StatusOr<std::string> EncodeMetadata(absl::Span<const ArrayRecord> arrays) {
  constexpr size_t kMost = std::numeric_limits<uint32_t>::max();
  if (arrays.size() > kMost) return absl::InvalidArgumentError("more than 2^32 - 1 arrays");
  uint64_t total = 0;
  for (const ArrayRecord& array : arrays) total += array.nbytes;  // may wrap: nobody needs it
  std::string bytes;
  Encoder out(&bytes);
  out.U32(kMagic);
  out.U32(kVersion);
  out.U64(total);
  out.U32(static_cast<uint32_t>(arrays.size()));
  for (const ArrayRecord& array : arrays) {
    if (array.name.size() > kMost || !IsUtf8(array.name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "array ", Shown(array.name), ": NumPack 0.7 wants array names in UTF-8; rename it"));
    }
    out.Bytes(array.name);
    out.U32(static_cast<uint32_t>(array.shape.size()));
    for (const int64_t axis : array.shape) out.U64(static_cast<uint64_t>(axis));
    out.Bytes(array.data_file);
    out.U64(array.modified_us);
    out.U64(array.nbytes);
    out.U8(static_cast<uint8_t>(array.dtype));
    out.U8(0);   // compression: none
    out.U32(0);  // its level
    out.U64(0);  // sizes before and after it
    out.U64(0);
    out.U8(0);  // no blocks
  }
  return bytes;
}

AliveRows::AliveRows(uint64_t rows, std::vector<uint64_t> words)
    : rows_(rows), words_(std::move(words)) {
  if (rows_ % 64 != 0) words_.back() &= (uint64_t{1} << rows_ % 64) - 1;
  for (const uint64_t word : words_) alive_ += static_cast<uint64_t>(absl::popcount(word));
}

uint64_t AliveRows::FindBit(uint64_t row, bool bit) const {
  while (row < rows_) {
    const uint64_t word = bit ? words_[row / 64] : ~words_[row / 64];
    const uint64_t rest = word >> row % 64;
    if (rest != 0) return std::min(rows_, row + static_cast<uint64_t>(absl::countr_zero(rest)));
    row = (row / 64 + 1) * 64;
  }
  return rows_;
}

AliveRows::Run AliveRows::NextRun(uint64_t row) const {
  const uint64_t begin = FindBit(row, true);
  return {begin, FindBit(begin, false)};
}

absl::StatusOr<AliveRows> ParseBitmap(absl::string_view bytes, uint64_t rows,
                                      absl::string_view file) {
  const uint64_t word_count = rows / 64 + (rows % 64 != 0 ? 1 : 0);
  const std::optional<uint64_t> word_bytes = CheckedMultiply(word_count, 8);
  const bool has_heading = word_bytes.has_value() && bytes.size() >= kBitmapHeadingBytes &&
                           bytes.size() - kBitmapHeadingBytes == *word_bytes;
  if (!has_heading && bytes.size() != word_bytes) {
    return BitmapError(file, 0,
                       absl::StrCat("a bitmap of ", bytes.size(),
                                    " bytes does not fit an array of ", rows, " rows"));
  }
  Decoder in(bytes);
  std::optional<uint64_t> deleted;
  if (has_heading) {
    const uint64_t stated_rows = in.U64();
    deleted = in.U64();
    if (stated_rows != rows) {
      return BitmapError(
          file, 0, absl::StrCat("the bitmap is for ", stated_rows, " rows, the array has ", rows));
    }
  }
  std::vector<uint64_t> words(static_cast<size_t>(word_count));
  for (uint64_t& word : words) word = in.U64();
  AliveRows alive(rows, std::move(words));
  if (deleted.has_value() && rows - alive.alive() > *deleted) {
    return BitmapError(file, 8,
                       absl::StrCat("the bitmap counts ", *deleted, " deleted rows and has ",
                                    rows - alive.alive()));
  }
  return alive;
}

}  // namespace numpack::legacy_v1
