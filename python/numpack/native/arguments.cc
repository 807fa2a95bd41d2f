#include "python/numpack/native/arguments.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/status.h"

namespace numpack::python {

namespace nb = nanobind;

absl::string_view NameOf(nb::handle name) {
  if (!PyUnicode_Check(name.ptr())) {
    Raise(PythonError("TypeError", absl::StrCat("an array name must be a str, not ",
                                                nb::inst_name(name).c_str())));
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(name.ptr(), &size);
  if (text == nullptr) throw nb::python_error();
  return absl::string_view(text, static_cast<size_t>(size));
}

std::vector<NamedNdarray> NdarraysOf(nb::handle arrays) {
  if (!PyDict_Check(arrays.ptr())) {
    Raise(absl::InvalidArgumentError(
        absl::StrCat("arrays must be a dictionary, not ", nb::inst_name(arrays).c_str())));
  }
  std::vector<NamedNdarray> result;
  result.reserve(static_cast<size_t>(PyDict_Size(arrays.ptr())));
  // A list of its own: converting a value may run Python code that changes the dict.
  const nb::object items = nb::steal(PyDict_Items(arrays.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  for (const nb::handle item : nb::borrow<nb::list>(items)) {
    const absl::string_view name = NameOf(NB_TUPLE_GET_ITEM(item.ptr(), 0));
    if (name.empty()) Raise(absl::InvalidArgumentError("an array name must not be empty"));
    nb::object ndarray = CheckedNdarray(NB_TUPLE_GET_ITEM(item.ptr(), 1), name);
    ArrayView view = ViewOf(ndarray);
    nb::object pin = Pin(ndarray);
    result.push_back({nb::borrow(NB_TUPLE_GET_ITEM(item.ptr(), 0)), std::string(name),
                      std::move(ndarray), std::move(view), std::move(pin)});
  }
  return result;
}

std::vector<std::string> NamesOf(nb::handle names) {
  if (PyUnicode_Check(names.ptr())) return {std::string(NameOf(names))};
  if (!PyList_Check(names.ptr()) && !PyTuple_Check(names.ptr())) {
    Raise(PythonError("TypeError", absl::StrCat("array_name must be a str or a list of str, not ",
                                                nb::inst_name(names).c_str())));
  }
  std::vector<std::string> result;
  const nb::object items = nb::steal(PySequence_Tuple(names.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  for (const nb::handle name : nb::borrow<nb::tuple>(items)) result.emplace_back(NameOf(name));
  return result;
}

}  // namespace numpack::python
