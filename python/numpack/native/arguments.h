// Arguments that many methods share: array names and dicts of arrays.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_ARGUMENTS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_ARGUMENTS_H_

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "numpack/core/view.h"

namespace numpack::python {

// The UTF-8 bytes of an array's name, valid as long as the Python object. TypeError unless it is a
// str.
absl::string_view NameOf(nanobind::handle name);

// One entry of a dict of arrays.
struct NamedNdarray {
  nanobind::object key;  // the name as it was given
  std::string name;
  nanobind::object ndarray;
  ArrayView view;        // of `ndarray`
  nanobind::object pin;  // keeps its elements where they are (ndarray.h)
};

// The entries of `arrays`, all checked. ValueError unless it is a dict and its names are not empty
// and its dtypes are supported; TypeError for names that are no str and values that are no ndarray.
std::vector<NamedNdarray> NdarraysOf(nanobind::handle arrays);

// The names in a str, list or tuple. TypeError for others.
std::vector<std::string> NamesOf(nanobind::handle names);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_ARGUMENTS_H_
