// Functions that Python calls without nanobind in between: half the time for those that do next to
// nothing.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_C_FUNCTION_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_C_FUNCTION_H_

#include <nanobind/nanobind.h>

#include <exception>
#include <new>

#include "absl/types/span.h"

namespace numpack::python {

// The C++ object behind `self`; null, with a TypeError, when Python code made it without us.
template <typename T>
T* InstanceOf(PyObject* self) {
  if (nanobind::inst_ready(self)) return nanobind::inst_ptr<T>(self);
  PyErr_Format(PyExc_TypeError, "this %U was not made by numpack", nanobind::inst_name(self).ptr());
  return nullptr;
}

// Runs `work`, which returns a new reference, and hands its exceptions to Python.
template <typename Work>
PyObject* CallFromC(Work&& work) noexcept {
  try {
    return work();
  } catch (nanobind::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// The signature of a function with the calling convention METH_FASTCALL | METH_KEYWORDS.
struct Signature {
  const char* function;
  absl::Span<const char* const> parameters;
  int positional;  // the first so many may be given by position
  int required;    // and the first so many must be given
};

// Puts the arguments of a call, borrowed, into `values`, one for each parameter; what was not given
// is left as it is there. False, with a TypeError, when they do not fit the signature.
bool BindArguments(const Signature& signature, PyObject* const* arguments, Py_ssize_t positional,
                   PyObject* keywords, PyObject** values);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_C_FUNCTION_H_
