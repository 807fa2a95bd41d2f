#include "numpack/storage/log_payload.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

constexpr uint32_t kMagic = 0x4C4B504E;  // "NPKL"
constexpr uint32_t kInPlaceFlag = 1;
constexpr uint32_t kOwnSegmentFlag = 2;
constexpr uint32_t kChecksumFlag = 4;

// Fewest bytes that an entry, a name or an item can take: a count above remaining / this is a lie.
constexpr size_t kExtentBytes = 4 + 8 + 4 + 8 + 8;
constexpr size_t kMinEntryBytes = 4 + 4 + 8 + kExtentBytes;
constexpr size_t kMinNameBytes = 4;
constexpr size_t kMinItemBytes = 4 + 4 + 4;
constexpr size_t kMinPieceBytes = 8 + 4;

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("malformed log record: ", what));
}

void EncodeExtent(const ExtentRecord& extent, uint32_t other_flags, Encoder& out) {
  out.U32(other_flags | (extent.own_segment ? kOwnSegmentFlag : 0));
  out.U64(extent.number);
  out.U32(extent.segment);
  out.U64(extent.offset);
  out.U64(extent.capacity);
}

// What EncodeEntry takes at most.
size_t MaxBytes(const EntryRecord& entry) {
  return kMinEntryBytes + entry.name.size() + entry.metadata.size() + sizeof(*entry.checksum);
}

void EncodeEntry(const EntryRecord& entry, Encoder& out) {
  out.Bytes(entry.name);
  out.Bytes(entry.metadata);
  out.U64(entry.length);
  EncodeExtent(entry.extent,
               (entry.in_place ? kInPlaceFlag : 0) | (entry.checksum ? kChecksumFlag : 0), out);
  if (entry.checksum.has_value()) out.U32(*entry.checksum);
}

void EncodeChecksum(std::optional<uint32_t> checksum, Encoder& out) {
  out.U32(checksum.has_value() ? kChecksumFlag : 0);
  if (checksum.has_value()) out.U32(*checksum);
}

absl::StatusOr<std::string> DecodeName(Decoder& in) {
  const absl::string_view name = in.Bytes();
  if (in.failed() || name.empty() || name.size() > kMaxNameBytes) return Malformed("bad name");
  return std::string(name);
}

// `other_flags` may be set besides the extent's own; which are is returned in it.
absl::StatusOr<ExtentRecord> DecodeExtent(Decoder& in, uint32_t* other_flags) {
  ExtentRecord extent;
  const uint32_t flags = in.U32();
  extent.own_segment = (flags & kOwnSegmentFlag) != 0;
  extent.number = in.U64();
  extent.segment = in.U32();
  extent.offset = in.U64();
  extent.capacity = in.U64();
  if (in.failed()) return Malformed("extent cut short");
  if ((flags & ~(*other_flags | kOwnSegmentFlag)) != 0) return Malformed("unknown flags");
  *other_flags &= flags;
  if (extent.number == 0 && extent.capacity != 0) return Malformed("bytes without an extent");
  if (extent.number != 0 && extent.capacity == 0) return Malformed("extent without bytes");
  if (!CheckedAdd(extent.offset, extent.capacity).has_value()) return Malformed("extent overflows");
  return extent;
}

absl::StatusOr<ExtentRecord> DecodeKeptExtent(Decoder& in) {
  uint32_t no_flags = 0;
  NUMPACK_ASSIGN_OR_RETURN(ExtentRecord extent, DecodeExtent(in, &no_flags));
  if (extent.number == 0) return Malformed("no extent is kept");
  return extent;
}

absl::StatusOr<EntryRecord> DecodeEntry(Decoder& in) {
  EntryRecord entry;
  NUMPACK_ASSIGN_OR_RETURN(entry.name, DecodeName(in));
  entry.metadata = std::string(in.Bytes());
  entry.length = in.U64();
  uint32_t flags = kInPlaceFlag | kChecksumFlag;
  NUMPACK_ASSIGN_OR_RETURN(entry.extent, DecodeExtent(in, &flags));
  entry.in_place = (flags & kInPlaceFlag) != 0;
  if ((flags & kChecksumFlag) != 0) entry.checksum = in.U32();
  if (in.failed()) return Malformed("checksum cut short");
  if (entry.metadata.size() > kMaxMetadataBytes) return Malformed("metadata too long");
  if (entry.length > entry.extent.capacity) return Malformed("entry longer than its extent");
  if (entry.length == 0 && entry.checksum.value_or(0) != 0)
    return Malformed("no bytes have that checksum");
  return entry;
}

absl::StatusOr<std::optional<uint32_t>> DecodeChecksum(Decoder& in) {
  std::optional<uint32_t> checksum;
  const uint32_t flags = in.U32();
  if ((flags & ~kChecksumFlag) != 0) return Malformed("unknown flags");
  if (flags != 0) checksum = in.U32();
  if (in.failed()) return Malformed("checksum cut short");
  return checksum;
}

// Reads a count and that many elements.
template <typename T, typename DecodeOne>
absl::StatusOr<std::vector<T>> DecodeList(Decoder& in, size_t min_bytes, DecodeOne decode_one) {
  const uint32_t count = in.U32();
  if (in.failed() || count > in.remaining() / min_bytes) return Malformed("impossible count");
  std::vector<T> list;
  list.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    NUMPACK_ASSIGN_OR_RETURN(T element, decode_one(in));
    list.push_back(std::move(element));
  }
  return list;
}

void EncodeKept(const std::vector<ExtentRecord>& extents, Encoder& out) {
  out.U32(static_cast<uint32_t>(extents.size()));
  for (const ExtentRecord& extent : extents) EncodeExtent(extent, 0, out);
}

absl::Status ExpectEnd(const Decoder& in) {
  if (in.failed() || in.remaining() != 0) return Malformed("unexpected length");
  return absl::OkStatus();
}

}  // namespace

std::string Encode(const CommitPayload& payload) {
  size_t most = sizeof(uint32_t) + sizeof(uint32_t);
  for (const std::string& name : payload.removes) most += kMinNameBytes + name.size();
  for (const EntryRecord& entry : payload.puts) most += MaxBytes(entry);
  std::string bytes;
  bytes.reserve(most);
  Encoder out(&bytes);
  out.U32(static_cast<uint32_t>(payload.removes.size()));
  for (const std::string& name : payload.removes) out.Bytes(name);
  out.U32(static_cast<uint32_t>(payload.puts.size()));
  for (const EntryRecord& entry : payload.puts) EncodeEntry(entry, out);
  return bytes;
}

absl::StatusOr<CommitPayload> DecodeCommit(absl::string_view payload) {
  Decoder in(payload);
  CommitPayload result;
  NUMPACK_ASSIGN_OR_RETURN(result.removes, DecodeList<std::string>(in, kMinNameBytes, DecodeName));
  NUMPACK_ASSIGN_OR_RETURN(result.puts, DecodeList<EntryRecord>(in, kMinEntryBytes, DecodeEntry));
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const CheckpointPayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  out.U32(kMagic);
  out.U32(kFormatVersion);
  out.U64(payload.log_number);
  out.U32(static_cast<uint32_t>(payload.entries.size()));
  for (const EntryRecord& entry : payload.entries) EncodeEntry(entry, out);
  EncodeKept(payload.kept, out);
  return bytes;
}

absl::StatusOr<CheckpointPayload> DecodeCheckpoint(absl::string_view payload) {
  Decoder in(payload);
  if (in.U32() != kMagic) return Malformed("not a NumPack log");
  const uint32_t version = in.U32();
  if (in.failed()) return Malformed("checkpoint cut short");
  if (version != kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the store has format version ", version,
                                                      "; this program knows version ",
                                                      kFormatVersion, ": use a newer NumPack"));
  }
  CheckpointPayload result;
  result.log_number = in.U64();
  NUMPACK_ASSIGN_OR_RETURN(result.entries,
                           DecodeList<EntryRecord>(in, kMinEntryBytes, DecodeEntry));
  NUMPACK_ASSIGN_OR_RETURN(result.kept,
                           DecodeList<ExtentRecord>(in, kExtentBytes, DecodeKeptExtent));
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const InPlacePayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  out.U32(static_cast<uint32_t>(payload.items.size()));
  for (const InPlacePayload::Item& item : payload.items) {
    out.Bytes(item.name);
    out.Bytes(item.metadata);
    EncodeChecksum(item.checksum, out);
  }
  return bytes;
}

absl::StatusOr<InPlacePayload> DecodeInPlace(absl::string_view payload) {
  Decoder in(payload);
  const auto decode_item = [](Decoder& decoder) -> absl::StatusOr<InPlacePayload::Item> {
    InPlacePayload::Item item;
    NUMPACK_ASSIGN_OR_RETURN(item.name, DecodeName(decoder));
    item.metadata = std::string(decoder.Bytes());
    if (decoder.failed() || item.metadata.size() > kMaxMetadataBytes)
      return Malformed("bad metadata");
    NUMPACK_ASSIGN_OR_RETURN(item.checksum, DecodeChecksum(decoder));
    return item;
  };
  InPlacePayload result;
  NUMPACK_ASSIGN_OR_RETURN(result.items,
                           DecodeList<InPlacePayload::Item>(in, kMinItemBytes, decode_item));
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const RedoPayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  out.Bytes(payload.name);
  out.Bytes(payload.metadata);
  out.U64(payload.extent);
  EncodeChecksum(payload.checksum, out);
  for (const auto* pieces : {&payload.redo, &payload.undo}) {
    out.U32(static_cast<uint32_t>(pieces->size()));
    for (const RedoPayload::Piece& piece : *pieces) {
      out.U64(piece.offset);
      out.Bytes(piece.bytes);
    }
  }
  return bytes;
}

absl::StatusOr<RedoPayload> DecodeRedo(absl::string_view payload) {
  Decoder in(payload);
  const auto decode_piece = [](Decoder& decoder) -> absl::StatusOr<RedoPayload::Piece> {
    RedoPayload::Piece piece;
    piece.offset = decoder.U64();
    piece.bytes = std::string(decoder.Bytes());
    if (decoder.failed() || !CheckedAdd(piece.offset, piece.bytes.size()).has_value())
      return Malformed("bad piece");
    return piece;
  };
  RedoPayload result;
  NUMPACK_ASSIGN_OR_RETURN(result.name, DecodeName(in));
  result.metadata = std::string(in.Bytes());
  result.extent = in.U64();
  if (in.failed() || result.metadata.size() > kMaxMetadataBytes) return Malformed("bad metadata");
  NUMPACK_ASSIGN_OR_RETURN(result.checksum, DecodeChecksum(in));
  NUMPACK_ASSIGN_OR_RETURN(result.redo,
                           DecodeList<RedoPayload::Piece>(in, kMinPieceBytes, decode_piece));
  NUMPACK_ASSIGN_OR_RETURN(result.undo,
                           DecodeList<RedoPayload::Piece>(in, kMinPieceBytes, decode_piece));
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const KeptPayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  EncodeKept(payload.extents, out);
  return bytes;
}

absl::StatusOr<KeptPayload> DecodeKept(absl::string_view payload) {
  Decoder in(payload);
  KeptPayload result;
  NUMPACK_ASSIGN_OR_RETURN(result.extents,
                           DecodeList<ExtentRecord>(in, kExtentBytes, DecodeKeptExtent));
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const BarrierPayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  out.U64(payload.covered);
  return bytes;
}

absl::StatusOr<BarrierPayload> DecodeBarrier(absl::string_view payload) {
  Decoder in(payload);
  BarrierPayload result;
  result.covered = in.U64();
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

std::string Encode(const SessionPayload& payload) {
  std::string bytes;
  Encoder out(&bytes);
  out.U64(payload.process_id);
  out.Bytes(payload.boot_id);
  return bytes;
}

absl::StatusOr<SessionPayload> DecodeSession(absl::string_view payload) {
  Decoder in(payload);
  SessionPayload result;
  result.process_id = in.U64();
  result.boot_id = std::string(in.Bytes());
  NUMPACK_RETURN_IF_ERROR(ExpectEnd(in));
  return result;
}

}  // namespace numpack::storage
