// What the commit log's records say: encoding of their payloads, and bounded decoding of untrusted
// ones.
#ifndef NUMPACK_STORAGE_LOG_PAYLOAD_H_
#define NUMPACK_STORAGE_LOG_PAYLOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace numpack::storage {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kMaxNameBytes = size_t{1} << 20;
inline constexpr size_t kMaxMetadataBytes = size_t{1} << 20;

// Where an extent lies. Offsets and lengths in bytes.
struct ExtentRecord {
  uint64_t number = 0;    // unique among extents alive at one time; 0: no extent, for empty arrays
  uint32_t segment = 0;   // the file segment.<number>
  uint64_t offset = 0;    // a multiple of 64
  uint64_t capacity = 0;  // reserved bytes
  bool own_segment = false;  // the segment holds this extent alone, at offset 0
};

struct EntryRecord {
  std::string name;
  std::string metadata;   // opaque here
  uint64_t length = 0;    // used bytes, at most the capacity
  bool in_place = false;  // being changed where it lies
  ExtentRecord extent;
  // CRC-32C of the used bytes, of an array that carries one. While it is being changed in place
  // that of before.
  std::optional<uint32_t> checksum;
};

// kCommit
struct CommitPayload {
  std::vector<EntryRecord> puts;     // in order; a later put of a name wins
  std::vector<std::string> removes;  // happen before the puts
};
// kCheckpoint
struct CheckpointPayload {
  uint64_t log_number = 0;
  std::vector<EntryRecord> entries;  // in the order of first save
  std::vector<ExtentRecord> kept;    // as in KeptPayload
};
// kRedo. The record is the commit, and then the bytes are written. So a successor of a writer that
// was killed writes them again; and where the machine stopped, recovery to an earlier state writes
// what was there before.
struct RedoPayload {
  struct Piece {
    uint64_t offset = 0;  // from the beginning of the array
    std::string bytes;
  };
  std::string name;
  std::string metadata;  // the new one
  uint64_t extent = 0;
  std::optional<uint32_t> checksum;  // the new one, of an array that carries one
  std::vector<Piece> redo;           // in this order: pieces may overlap
  std::vector<Piece> undo;           // none when no state that could come back names the extent
};
// kKept: extents that no entry names, but that somebody reads.
struct KeptPayload {
  std::vector<ExtentRecord> extents;
};
// kBarrier
struct BarrierPayload {
  uint64_t covered = 0;  // all records up to this generation, and the bytes they name
};
// kInPlaceBegin (metadata as it is, no checksums) and kInPlaceEnd
struct InPlacePayload {
  struct Item {
    std::string name;
    std::string metadata;
    std::optional<uint32_t> checksum = std::nullopt;  // of an array that carries one
  };
  std::vector<Item> items;
};
// kSession
struct SessionPayload {
  uint64_t process_id = 0;
  std::string boot_id;
};

std::string Encode(const CommitPayload& payload);
std::string Encode(const CheckpointPayload& payload);
std::string Encode(const InPlacePayload& payload);
std::string Encode(const RedoPayload& payload);
std::string Encode(const KeptPayload& payload);
std::string Encode(const BarrierPayload& payload);
std::string Encode(const SessionPayload& payload);

// DataLoss when the bytes are not such a payload, FailedPrecondition for a later format version.
// Memory use is bounded by a small multiple of the payload's size.
absl::StatusOr<CommitPayload> DecodeCommit(absl::string_view payload);
absl::StatusOr<CheckpointPayload> DecodeCheckpoint(absl::string_view payload);
absl::StatusOr<InPlacePayload> DecodeInPlace(absl::string_view payload);
absl::StatusOr<RedoPayload> DecodeRedo(absl::string_view payload);
absl::StatusOr<KeptPayload> DecodeKept(absl::string_view payload);
absl::StatusOr<BarrierPayload> DecodeBarrier(absl::string_view payload);
absl::StatusOr<SessionPayload> DecodeSession(absl::string_view payload);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_LOG_PAYLOAD_H_
