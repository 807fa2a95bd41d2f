// LazyArray: a stored array whose elements stay in the file until they are touched.
//
// It is a snapshot: later saves, appends, replaces and drops leave it as it was, and it stays
// readable after its store is closed. Only in-place changes (writable batch mode) show through,
// because they are the file: without mappings in what is read after they were written back.
// Copyable; copies share the snapshot. Thread-safe.
#ifndef NUMPACK_CORE_LAZY_ARRAY_H_
#define NUMPACK_CORE_LAZY_ARRAY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/core/array.h"
#include "numpack/core/array_info.h"
#include "numpack/storage/pinned_bytes.h"

namespace numpack {

class LazyArray {
 public:
  LazyArray() = default;
  LazyArray(ArrayInfo info, storage::PinnedBytes bytes);

  const ArrayInfo& info() const { return info_; }
  DType dtype() const { return info_.dtype; }
  const Shape& shape() const { return info_.shape; }
  int64_t nbytes() const { return info_.nbytes; }
  // Whether View() is the stored bytes themselves, unless rows were dropped; else it reads.
  bool is_mapped() const { return bytes_.length() == 0 || bytes_.is_mapped(); }

  // The whole array, read-only and without a copy (a copy where the backend has no mappings, and of
  // arrays that had rows dropped until they are compacted).
  absl::StatusOr<AnyArray> View() const;

  // Rows [begin, end) likewise. OutOfRange unless 0 <= begin <= end <= rows; InvalidArgument for a
  // 0-d array.
  absl::StatusOr<AnyArray> ViewRows(int64_t begin, int64_t end) const;

  // The same elements in another shape. InvalidArgument unless the sizes agree; FailedPrecondition
  // when rows were dropped and not compacted yet: then reshape what View() returns.
  absl::StatusOr<LazyArray> Reshaped(absl::Span<const int64_t> shape) const;

  // A writable copy of the whole array.
  absl::StatusOr<AnyArray> Load(const ArrayFactory& factory = NewHeapArray) const;

  // A writable copy of the rows [begin, end). OutOfRange and InvalidArgument as ViewRows.
  absl::StatusOr<AnyArray> LoadRange(int64_t begin, int64_t end,
                                     const ArrayFactory& factory = NewHeapArray) const;

  // A writable copy of the given rows, in that order, repeated where repeated; many rows are
  // gathered by several threads. Negative indexes
  // count from the end; OutOfRange for others; InvalidArgument for a 0-d array.
  absl::StatusOr<AnyArray> LoadRows(absl::Span<const int64_t> rows,
                                    const ArrayFactory& factory = NewHeapArray) const;

 private:
  bool ReadsRowByRow(size_t rows) const;
  absl::StatusOr<AnyArray> ReadPickedRows(absl::Span<const int64_t> rows,
                                          const ArrayFactory& factory) const;
  absl::Status CheckRange(int64_t begin, int64_t end) const;
  // Copies the rows [begin, end).
  absl::Status ReadRows(int64_t begin, int64_t end, std::byte* to) const;

  ArrayInfo info_;
  storage::PinnedBytes bytes_;
};

}  // namespace numpack

#endif  // NUMPACK_CORE_LAZY_ARRAY_H_
