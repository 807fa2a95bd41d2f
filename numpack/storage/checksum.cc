#include "numpack/storage/checksum.h"

#include <algorithm>
#include <vector>

#include "absl/crc/crc32c.h"
#include "numpack/base/crc32c.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {

uint32_t ExtendChecksum(uint32_t checksum, absl::Span<const std::byte> bytes) {
  return ExtendCrc32c(checksum, bytes);
}

absl::StatusOr<uint32_t> ExtendChecksum(uint32_t checksum, Segment& segment, uint64_t offset,
                                        uint64_t length) {
  std::vector<std::byte> buffer(
      static_cast<size_t>(std::min<uint64_t>(length, kChecksumBlockBytes)));
  for (uint64_t done = 0; done < length;) {
    const absl::Span<std::byte> block = absl::MakeSpan(buffer).first(
        static_cast<size_t>(std::min<uint64_t>(buffer.size(), length - done)));
    NUMPACK_RETURN_IF_ERROR(segment.Read(offset + done, block));
    checksum = ExtendChecksum(checksum, block);
    done += block.size();
  }
  return checksum;
}

// A CRC is linear: what the change does to it is what the difference of the two pieces does, moved
// over the bytes behind them.
uint32_t ReplaceInChecksum(uint32_t checksum, uint64_t length, uint64_t offset,
                           absl::string_view before, absl::string_view after) {
  const auto sum = [](absl::string_view bytes) {
    return ExtendCrc32c(
        0, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
  };
  const uint32_t difference = sum(before) ^ sum(after);
  const uint64_t behind = length - offset - after.size();
  return static_cast<uint32_t>(absl::ConcatCrc32c(
      absl::crc32c_t{difference}, absl::crc32c_t{checksum}, static_cast<size_t>(behind)));
}

}  // namespace numpack::storage
