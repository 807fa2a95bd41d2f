// Python objects that several methods return.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_RESULTS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_RESULTS_H_

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "numpack/core/shape.h"

namespace numpack::python {

// A str; what is no UTF-8 in it is replaced.
nanobind::object Text(absl::string_view text);

// A list of str.
nanobind::list TextList(const std::vector<std::string>& texts);

// A tuple of int.
nanobind::object ShapeTuple(const Shape& shape);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_RESULTS_H_
