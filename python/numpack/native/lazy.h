// LazyArray's native half: an ndarray over the stored elements, and the buffer protocol.
//
// Everything else of LazyArray is Python (numpack/lazy_array.py) over that ndarray.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_

#include <nanobind/nanobind.h>

#include <string>

namespace numpack::python {

struct LazyBase {
  nanobind::object view;  // a read-only ndarray
  nanobind::object name;  // a str
  // Where another process finds the same elements: the store's absolute path and the array's modify
  // time; None when they are in no store.
  nanobind::object source;
};

void BindLazy(nanobind::module_& module);

// An object of Python's numpack.LazyArray.
nanobind::object NewLazyArray(nanobind::object view, nanobind::object name,
                              nanobind::object source);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_LAZY_H_
