// CRC-32C (Castagnoli) of many bytes, with the processor's instruction for it where there is one.
//
// absl::ExtendCrc32c gives the same, and is as fast only when all of the program is built for
// processors that have the instruction; here that is found out when the program runs.
#ifndef NUMPACK_BASE_CRC32C_H_
#define NUMPACK_BASE_CRC32C_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace numpack {

// The CRC of the bytes that `crc` is of (none: 0) with `bytes` behind them.
uint32_t ExtendCrc32c(uint32_t crc, absl::Span<const std::byte> bytes);

}  // namespace numpack

#endif  // NUMPACK_BASE_CRC32C_H_
