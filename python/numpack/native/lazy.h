// LazyArray's native half: a stored array, what it is like, and its rows.
//
// Everything else of LazyArray is Python (numpack/lazy_array.py) over an ndarray of all elements,
// which is made when it is first needed: without mappings that reads them.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>

#include "numpack/core/lazy_array.h"
#include "python/numpack/native/rows.h"

namespace numpack::python {

// Its own state is guarded by the GIL.
class LazyBase {
 public:
  // `name` is a str. `source` says where another process finds the same elements: the store's
  // absolute path and the array's modify time; None when they are in no store.
  LazyBase(LazyArray stored, nanobind::object name, nanobind::object source);
  // Over an ndarray, read-only, instead of a stored array.
  LazyBase(nanobind::object view, nanobind::object name, nanobind::object source);
  ~LazyBase();
  LazyBase(const LazyBase&) = delete;
  LazyBase& operator=(const LazyBase&) = delete;

  const nanobind::object& name() const { return name_; }
  const nanobind::object& source() const { return source_; }
  const nanobind::object& shape() const { return shape_; }  // a tuple
  int ndim() const { return ndim_; }
  int64_t rows() const { return rows_; }  // -1: 0-d
  int64_t size() const { return size_; }
  int64_t itemsize() const { return itemsize_; }
  nanobind::object dtype() const;

  // All elements as a read-only ndarray: the stored bytes themselves, if they are mapped.
  nanobind::object View();

  // Rows [begin, end) likewise; they must be there.
  nanobind::object ViewRows(int64_t begin, int64_t end);

  // The rows that `key` selects, copied to a new ndarray, if that is one of the forms that are
  // quicker here than in NumPy, with the same result: slices, and lists and 1-D arrays of ints or
  // bools. None for all others.
  nanobind::object Rows(nanobind::handle key);

  // The same for one row, by its number, and for a few in a slice, of a mapped array: as a loop
  // over rows wants them. A new reference, or null without an exception when `key` is something
  // else.
  PyObject* QuickRows(PyObject* key);

  // A LazyArray of another shape, a tuple of ints that fits.
  nanobind::object Reshaped(nanobind::handle shape);

 private:
  void SetShape(nanobind::object shape);
  // Whether View() would have to read all elements.
  bool IsUnread() const;
  bool TakesHere(nanobind::handle key) const;

  std::optional<LazyArray> stored_;
  nanobind::object view_;  // null: not made yet, and then there is `stored_`
  nanobind::object name_;
  nanobind::object source_;
  nanobind::object shape_;
  int ndim_ = 0;
  int64_t rows_ = -1;
  int64_t size_ = 1;
  int64_t itemsize_ = 1;
};

void BindLazy(nanobind::module_& module);

// An object of Python's numpack.LazyArray.
nanobind::object NewLazyArray(LazyArray stored, nanobind::object name, nanobind::object source);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_
