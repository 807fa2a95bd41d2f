// Checksums of arrays' contents: the CRC-32C of their stored bytes.
#ifndef NUMPACK_STORAGE_CHECKSUM_H_
#define NUMPACK_STORAGE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

// Blocks of this size stay in the processor's cache between being summed and being written or read.
inline constexpr size_t kChecksumBlockBytes = size_t{256} << 10;

// The checksum of the bytes that `checksum` is of (none: 0) with `bytes` behind them.
uint32_t ExtendChecksum(uint32_t checksum, absl::Span<const std::byte> bytes);

// The same with the `length` bytes that lie at `offset` in a segment. Reads them block by block.
absl::StatusOr<uint32_t> ExtendChecksum(uint32_t checksum, Segment& segment, uint64_t offset,
                                        uint64_t length);

// The checksum of `length` bytes when those at `offset` are no longer `before` but `after`, which
// has the same size. Looks at no other bytes.
uint32_t ReplaceInChecksum(uint32_t checksum, uint64_t length, uint64_t offset,
                           absl::string_view before, absl::string_view after);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_CHECKSUM_H_
