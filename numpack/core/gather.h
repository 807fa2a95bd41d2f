// Copying rows from all over an array.
#ifndef NUMPACK_CORE_GATHER_H_
#define NUMPACK_CORE_GATHER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace numpack {

// Copies the rows with these numbers, one after another, to `to`. Rows are `row_bytes` bytes long
// and lie without gaps from `from` on; the numbers must be those of rows that there are. Rows are
// fetched ahead, and several threads take part when that pays.
void GatherRows(const std::byte* from, size_t row_bytes, absl::Span<const int64_t> rows,
                std::byte* to);

}  // namespace numpack

#endif  // NUMPACK_CORE_GATHER_H_
