#include "numpack/storage/record.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/base/codec.h"
#include "numpack/base/crc32c.h"
#include "numpack/storage/mutation.h"

namespace numpack::storage {
namespace {

constexpr uint32_t kHeaderMark = 0xB1A7D2C3;
constexpr uint32_t kTrailerMark = 0xE59CA6B7;
constexpr size_t kCheckedHeaderBytes = 24;

struct Header {
  uint32_t length;
  uint32_t kind;
  uint64_t generation;
  uint32_t previous;
  uint32_t payload_bytes;
  uint32_t checksum;
};

// The CRC of the bytes that `crc` is of, with `bytes` behind them.
uint32_t Crc(uint32_t crc, absl::string_view bytes) {
  return ExtendCrc32c(
      crc, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
}

// The header at `position`, when its own checksum holds.
std::optional<Header> ParseHeader(absl::string_view log, size_t position) {
  if (position > log.size() || log.size() - position < kRecordHeaderBytes) return std::nullopt;
  const absl::string_view bytes = log.substr(position, kRecordHeaderBytes);
  Decoder in(bytes);
  Header header;
  header.length = in.U32();
  header.kind = in.U32();
  header.generation = in.U64();
  header.previous = in.U32();
  header.payload_bytes = in.U32();
  header.checksum = in.U32();
  if (in.U32() != kHeaderMark || header.checksum != Crc(0, bytes.substr(0, kCheckedHeaderBytes))) {
    return std::nullopt;
  }
  return header;
}

}  // namespace

absl::Status AppendRecord(RecordKind kind, uint64_t generation, absl::string_view payload,
                          uint32_t* previous, std::string* out) {
  if (payload.size() > kMaxPayloadBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a commit of ", payload.size(), " bytes is too large"));
  }
  const size_t padded = (payload.size() + 7) / 8 * 8;
  const size_t start = out->size();
  out->reserve(start + kRecordHeaderBytes + padded + kRecordTrailerBytes);
  Encoder encoder(out);
  encoder.U32(static_cast<uint32_t>(kRecordHeaderBytes + padded + kRecordTrailerBytes));
  encoder.U32(static_cast<uint32_t>(kind));
  encoder.U64(generation);
  encoder.U32(*previous);
  encoder.U32(static_cast<uint32_t>(payload.size()));
  const uint32_t header_checksum =
      Crc(0, absl::string_view(*out).substr(start, kCheckedHeaderBytes));
  encoder.U32(header_checksum);
  encoder.U32(kHeaderMark);
  out->append(payload.data(), payload.size());
  out->append(padded - payload.size(), '\0');
  const absl::string_view body = absl::string_view(*out).substr(start + kRecordHeaderBytes, padded);
  const uint32_t checksum = Crc(header_checksum, body);
  encoder.U32(checksum);
  encoder.U32(kTrailerMark);
  *previous = checksum;
  return absl::OkStatus();
}

std::optional<Record> ParseRecord(absl::string_view log, size_t position, uint32_t previous) {
  const std::optional<Header> header = ParseHeader(log, position);
  if (!header.has_value()) return std::nullopt;
  if (header->previous != previous && !IsBroken("link-ignored")) return std::nullopt;
  const size_t overhead = kRecordHeaderBytes + kRecordTrailerBytes;
  if (header->length < overhead || header->length > log.size() - position) return std::nullopt;
  const size_t padded = header->length - overhead;
  if (padded % 8 != 0 || header->payload_bytes > padded || padded - header->payload_bytes >= 8) {
    return std::nullopt;
  }
  const absl::string_view body = log.substr(position + kRecordHeaderBytes, padded);
  Decoder trailer(log.substr(position + kRecordHeaderBytes + padded, kRecordTrailerBytes));
  const uint32_t checksum = trailer.U32();
  if (trailer.U32() != kTrailerMark) return std::nullopt;
  if (checksum != Crc(header->checksum, body) && !IsBroken("checksum-ignored")) return std::nullopt;
  return Record{static_cast<RecordKind>(header->kind), header->generation,
                body.substr(0, header->payload_bytes), checksum, header->length};
}

size_t ClaimedLength(absl::string_view log, size_t position) {
  const std::optional<Header> header = ParseHeader(log, position);
  return header.has_value() ? header->length : 0;
}

LogEnd JudgeEnd(absl::string_view log, size_t position) {
  const size_t last = log.find_last_not_of('\0');
  if (last == absl::string_view::npos || last < position) return LogEnd::kClean;
  const size_t end = last + 1;  // of the last byte that is not zero
  if (end < position + kRecordHeaderBytes) return LogEnd::kTorn;
  const std::optional<Header> header = ParseHeader(log, position);
  if (!header.has_value()) return LogEnd::kCorrupt;
  return end < position + header->length ? LogEnd::kTorn : LogEnd::kCorrupt;
}

bool SealFollows(absl::string_view log, size_t position) {
  for (size_t at = position + 8; at + kRecordHeaderBytes <= log.size(); at += 8) {
    const std::optional<Header> header = ParseHeader(log, at);
    if (header.has_value() && header->kind == static_cast<uint32_t>(RecordKind::kSeal)) return true;
  }
  return false;
}

}  // namespace numpack::storage
