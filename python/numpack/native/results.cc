#include "python/numpack/native/results.h"

namespace numpack::python {

namespace nb = nanobind;

nb::object Text(absl::string_view text) {
  const auto size = static_cast<Py_ssize_t>(text.size());
  nb::object result = nb::steal(PyUnicode_DecodeUTF8(text.data(), size, "replace"));
  if (!result.is_valid()) throw nb::python_error();
  return result;
}

nb::list TextList(const std::vector<std::string>& texts) {
  nb::list list;
  for (const std::string& text : texts) list.append(Text(text));
  return list;
}

nb::object ShapeTuple(const Shape& shape) {
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(shape.size())));
  if (!tuple.is_valid()) throw nb::python_error();
  for (size_t i = 0; i < shape.size(); ++i) {
    PyObject* axis = PyLong_FromLongLong(shape[i]);
    if (axis == nullptr) throw nb::python_error();
    NB_TUPLE_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), axis);
  }
  return tuple;
}

}  // namespace numpack::python
