#include "python/numpack/native/memory_handler.h"

#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

MemoryHandlerScope::MemoryHandlerScope(PyObject* capsule) {
  if (capsule == nullptr) return;
  before_ = PyDataMem_SetHandler(capsule);
  if (before_ == nullptr) PyErr_Clear();
  if (before_ != nullptr && before_ != PyDataMem_DefaultHandler) PutBack();
}

MemoryHandlerScope::~MemoryHandlerScope() {
  if (before_ != nullptr) PutBack();
}

void MemoryHandlerScope::PutBack() {
  Py_XDECREF(PyDataMem_SetHandler(before_));
  Py_CLEAR(before_);
}

}  // namespace numpack::python
