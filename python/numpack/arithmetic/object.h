// A reference to a Python object, given back at the end of its scope. The GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OBJECT_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OBJECT_H_

#include <Python.h>

namespace numpack::python {

// Null when the call that should have made the object failed.
class Object {
 public:
  // Takes over a new reference.
  explicit Object(PyObject* reference) : object_(reference) {}
  ~Object() { Py_XDECREF(object_); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* Release() {
    PyObject* const object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  PyObject* object_;
};

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OBJECT_H_
