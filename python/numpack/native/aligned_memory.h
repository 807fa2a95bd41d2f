// Memory for ndarrays that begins at a cache line.
//
// NumPy's own begins at any multiple of 16 bytes, as malloc pleases, and its loops over large
// arrays are up to a sixth slower where that is not a multiple of 32.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_

#include <Python.h>

#include <cstddef>

namespace numpack::python {

// While it lives, NumPy takes the memory of new ndarrays of this thread from there, unless the
// program has given NumPy an allocator of its own, which is then used as it is. The ndarrays own
// their memory like any others, and may outlive it. Needs the GIL throughout.
class AlignedMemory {
 public:
  // For an ndarray of `bytes` bytes. Small ones are left to NumPy: it would not pay.
  explicit AlignedMemory(size_t bytes);
  ~AlignedMemory();
  AlignedMemory(const AlignedMemory&) = delete;
  AlignedMemory& operator=(const AlignedMemory&) = delete;

 private:
  void PutBack();

  PyObject* before_ = nullptr;  // the handler to put back; null: nothing was changed
};

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_
