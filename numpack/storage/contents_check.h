// Comparing an array's contents, as they are read, with the checksum that its entry has. For Verify
// and Repair.
#ifndef NUMPACK_STORAGE_CONTENTS_CHECK_H_
#define NUMPACK_STORAGE_CONTENTS_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "numpack/storage/checksum.h"
#include "numpack/storage/log_payload.h"

namespace numpack::storage {

// Whether it is known what the contents should be: not while they are changed in place.
inline bool HasKnownChecksum(const EntryRecord& entry) {
  return entry.checksum.has_value() && !entry.in_place;
}

class ContentsCheck {
 public:
  // `entry` outlives it.
  explicit ContentsCheck(const EntryRecord& entry) : entry_(entry) {}

  // The next bytes of the array.
  void Add(absl::Span<const std::byte> bytes) {
    if (HasKnownChecksum(entry_)) checksum_ = ExtendChecksum(checksum_, bytes);
  }
  // Once all bytes have come: DataLoss when they are not those that the checksum was made of.
  absl::Status Result() const {
    if (!HasKnownChecksum(entry_) || checksum_ == *entry_.checksum) return absl::OkStatus();
    return absl::DataLossError(
        "its contents do not match their checksum: some elements are not what was stored");
  }

 private:
  const EntryRecord& entry_;
  uint32_t checksum_ = 0;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_CONTENTS_CHECK_H_
