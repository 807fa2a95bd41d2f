// Row indexes as Python gives them: integers, sequences of integers, ranges, slices and masks.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_ROWS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_ROWS_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/core/array.h"
#include "numpack/core/lazy_array.h"

namespace numpack::python {

// What the rows are wanted for: the three uses differ in the exceptions for things that are no
// index, and in what is done about indexes outside the array.
enum class RowUse { kGet, kReplace, kDrop };

class RowIndex {
 public:
  // The GIL must be held. TypeError for what is no row index; for replace and drop ValueError
  // unless it is at least a container.
  static RowIndex Parse(nanobind::handle indexes, RowUse use);

  // The row numbers, each in [0, n), for the array `name` of `n` rows. OutOfRange for a row outside
  // (for kDrop they are left out) and for a mask of another length than n. Needs no GIL.
  absl::StatusOr<std::vector<int64_t>> Resolve(absl::string_view name, int64_t n) const;

  // Rows [begin, end), when the index is a slice of step 1; begin <= end then.
  struct Range {
    int64_t begin;
    int64_t end;
  };
  bool IsRange() const;
  Range ResolveRange(int64_t n) const;

  // An empty list, tuple or array.
  bool IsEmptyList() const;

  // The indexes as they were given, if they were given one by one; else null.
  const std::vector<int64_t>* AsList() const { return std::get_if<List>(&form_); }

 private:
  struct Slice {
    Py_ssize_t start;
    Py_ssize_t stop;
    Py_ssize_t step;
  };
  struct Mask {
    std::vector<uint8_t> selected;  // 0 and 1
  };
  using List = std::vector<int64_t>;
  using Form = std::variant<List, Slice, Mask>;

  RowIndex(Form form, RowUse use) : form_(std::move(form)), use_(use) {}

  static Form ParseForm(nanobind::handle indexes, RowUse use);
  static Form ParseArray(nanobind::handle indexes);
  static Form ParseSequence(nanobind::handle indexes);

  Form form_;
  RowUse use_;
};

// A writable copy of the rows of the array `name` that `index` selects. InvalidArgument for a 0-d
// array; otherwise as RowIndex::Resolve. Needs no GIL.
absl::StatusOr<AnyArray> CopyRows(const LazyArray& lazy, absl::string_view name,
                                  const RowIndex& index, const ArrayFactory& factory);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_ROWS_H_
