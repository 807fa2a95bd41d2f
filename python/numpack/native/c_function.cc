#include "python/numpack/native/c_function.h"

#include <cstddef>
#include <vector>

namespace numpack::python {
namespace {

// The parameter's number, or that of all parameters when there is none of that name.
size_t ParameterOf(const Signature& signature, PyObject* name) {
  size_t i = 0;
  while (i < signature.parameters.size() &&
         PyUnicode_CompareWithASCIIString(name, signature.parameters[i]) != 0) {
    ++i;
  }
  return i;
}

}  // namespace

bool BindArguments(const Signature& signature, PyObject* const* arguments, Py_ssize_t positional,
                   PyObject* keywords, PyObject** values) {
  if (positional > signature.positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given)",
                 signature.function, signature.positional, positional);
    return false;
  }
  std::vector<bool> given(signature.parameters.size());
  for (Py_ssize_t i = 0; i < positional; ++i) {
    values[i] = arguments[i];
    given[static_cast<size_t>(i)] = true;
  }
  const Py_ssize_t named = keywords == nullptr ? 0 : NB_TUPLE_GET_SIZE(keywords);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* const name = NB_TUPLE_GET_ITEM(keywords, i);
    const size_t parameter = ParameterOf(signature, name);
    if (parameter == signature.parameters.size()) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                   signature.function, name);
      return false;
    }
    if (given[parameter]) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'",
                   signature.function, name);
      return false;
    }
    values[parameter] = arguments[positional + i];
    given[parameter] = true;
  }
  for (int i = 0; i < signature.required; ++i) {
    if (given[static_cast<size_t>(i)]) continue;
    PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s'", signature.function,
                 signature.parameters[static_cast<size_t>(i)]);
    return false;
  }
  return true;
}

}  // namespace numpack::python
