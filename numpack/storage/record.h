// Records: the checksummed links of the commit log. What they say is in log_payload.h.
//
//   record = header (32 bytes), payload (padded with zeros to a multiple of 8), trailer (8 bytes)
//
//   header:   u32 length of the whole record    u32 kind
//             u64 generation                    u32 checksum of the record before (0 for the first)
//             u32 payload bytes without padding u32 header checksum   u32 0xB1A7D2C3
//   trailer:  u32 record checksum               u32 0xE59CA6B7
//
// All numbers are little-endian, checksums CRC-32C. The header has one of its own (over its first
// 24 bytes), so its length can be believed before the rest is there. The record's is continued from
// the header's and runs over the padded payload; it does not run over the header checksum itself,
// because the CRC of data followed by its own CRC is a constant. Each record names its
// predecessor's checksum, so leftovers of an older tail never fit. Header and trailer end in a byte
// that is not zero: zeros after the stop of parsing mean that nothing was written there.
// docs/format.md has a worked example.
#ifndef NUMPACK_STORAGE_RECORD_H_
#define NUMPACK_STORAGE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack::storage {

// Written to disk: do not change the values.
enum class RecordKind : uint32_t {
  kCheckpoint = 1,    // the whole state; the first record of every log, and nowhere else
  kCommit = 2,        // arrays put and removed together
  kInPlaceBegin = 3,  // arrays about to be changed where they lie
  kInPlaceEnd = 4,    // ... and done
  kRedo = 5,          // bytes of an array that are written where they lie
  kBarrier = 6,  // records up to a generation, and the bytes they name, are about to be durable
  kSeal = 7,     // the barrier before it is durable
  kSession = 8,  // a process opened the store first: boot identity and process id
  kKept = 9,     // extents that nothing names any more, but somebody reads
};

inline constexpr size_t kRecordHeaderBytes = 32;
inline constexpr size_t kRecordTrailerBytes = 8;
inline constexpr size_t kMaxPayloadBytes = 0xFFFFFF00u - kRecordHeaderBytes - kRecordTrailerBytes;

// Appends a record to `out`. `previous` is the checksum of the record before, and becomes this
// one's. ResourceExhausted when the payload is longer than kMaxPayloadBytes.
absl::Status AppendRecord(RecordKind kind, uint64_t generation, absl::string_view payload,
                          uint32_t* previous, std::string* out);

struct Record {
  RecordKind kind;
  uint64_t generation;
  absl::string_view payload;  // points into the log's bytes
  uint32_t checksum;
  size_t length;  // of the whole record
};

// The record at `position`, if it is whole, sound and the successor of `previous`. The kind may be
// unknown.
std::optional<Record> ParseRecord(absl::string_view log, size_t position, uint32_t previous);

// How many bytes the header of a record at `position` says that it has; zero: there is no header.
size_t ClaimedLength(absl::string_view log, size_t position);

// What it means that no record could be parsed at `position`.
enum class LogEnd {
  kClean,    // nothing but zeros follow
  kTorn,     // one write that never finished
  kCorrupt,  // anything else
};
LogEnd JudgeEnd(absl::string_view log, size_t position);

// Whether the header of a seal stands anywhere beyond `position` (not at it). All that precedes a
// seal was once durable, so then the bytes at `position` are damage and not an unfinished write.
bool SealFollows(absl::string_view log, size_t position);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_RECORD_H_
