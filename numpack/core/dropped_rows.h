// DroppedRows: which rows of a stored array are gone although their bytes are still there.
//
// Dropping rows of a large array notes them in its metadata instead of writing the array again. An
// array then has stored rows, of which these are left out, and rows as everybody else counts them.
// Immutable; shared by those who read the array as it was.
#ifndef NUMPACK_CORE_DROPPED_ROWS_H_
#define NUMPACK_CORE_DROPPED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/base/codec.h"

namespace numpack {

class DroppedRows {
 public:
  // Rows [begin, end).
  using Run = std::pair<int64_t, int64_t>;

  // From stored rows, in runs that are ascending and apart.
  explicit DroppedRows(absl::Span<const Run> stored);

  int64_t count() const { return count_; }
  size_t runs() const { return runs_.size(); }

  // The stored row of a row, both from 0.
  int64_t Stored(int64_t row) const;

  // The runs of stored rows that are left, for the rows [begin, end).
  std::vector<Run> StoredRuns(int64_t begin, int64_t end) const;

  // These and more: `rows` are runs of rows, ascending and apart. `already` may be null.
  static std::shared_ptr<const DroppedRows> Add(const DroppedRows* already,
                                                absl::Span<const Run> rows);

  // In an array's metadata: a count, and for each run the distance from the one before and its
  // length, in u32.
  void Encode(Encoder& out) const;
  static bool CanEncode(int64_t stored_rows) { return stored_rows <= 0xFFFFFFFF; }
  // DataLoss when the bytes are no such thing. The last dropped row is less than stored_end().
  static absl::StatusOr<std::shared_ptr<const DroppedRows>> Decode(Decoder& in);
  int64_t stored_end() const { return runs_.empty() ? 0 : runs_.back().end; }

 private:
  struct Dropped {
    int64_t begin;
    int64_t end;
    int64_t before;  // dropped rows before it
  };
  std::vector<Dropped> runs_;
  int64_t count_ = 0;
};

}  // namespace numpack

#endif  // NUMPACK_CORE_DROPPED_ROWS_H_
