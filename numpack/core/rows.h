// Rows: the entries of an array along its first axis, and indexes of them.
#ifndef NUMPACK_CORE_ROWS_H_
#define NUMPACK_CORE_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/array_info.h"
#include "numpack/core/view.h"

namespace numpack {

// InvalidArgument for a 0-d array, which has no rows.
absl::Status CheckHasRows(const ArrayInfo& info);

// Bytes of one row of an array that has rows.
int64_t RowBytes(const ArrayInfo& info);

// Row numbers from indexes, negative ones counted from the end. OutOfRange names the first index
// outside.
absl::StatusOr<std::vector<int64_t>> ResolveRows(absl::Span<const int64_t> rows,
                                                 const ArrayInfo& info);

// OutOfRange names the first index outside. True when none counts from the end, so that the indexes
// are row numbers as they stand.
absl::StatusOr<bool> AreRowNumbers(absl::Span<const int64_t> rows, const ArrayInfo& info);

// InvalidArgument unless `rows` has the dtype, rank and trailing shape of the array, so that its
// rows fit there.
absl::Status CheckRowsFit(absl::string_view name, const ArrayInfo& info, const ArrayView& rows);

}  // namespace numpack

#endif  // NUMPACK_CORE_ROWS_H_
