// Which allocator NumPy takes the memory of new ndarrays from.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_MEMORY_HANDLER_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_MEMORY_HANDLER_H_

#include <Python.h>

namespace numpack::python {

// While it lives, NumPy asks a handler of ours (NEP 49) for the memory of new ndarrays of this
// thread, unless the program has given NumPy an allocator of its own, which is then used as it is.
// The ndarrays own their memory like any others, and may outlive this. Needs the GIL throughout.
class MemoryHandlerScope {
 public:
  // `capsule`: a capsule "mem_handler" with a PyDataMem_Handler in it that live for ever. Null:
  // nothing is changed.
  explicit MemoryHandlerScope(PyObject* capsule);
  ~MemoryHandlerScope();
  MemoryHandlerScope(const MemoryHandlerScope&) = delete;
  MemoryHandlerScope& operator=(const MemoryHandlerScope&) = delete;

 private:
  void PutBack();

  PyObject* before_ = nullptr;  // the handler to put back; null: nothing was changed
};

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_MEMORY_HANDLER_H_
