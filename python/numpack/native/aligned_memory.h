// Memory for ndarrays that begins at a cache line.
//
// NumPy's own begins at any multiple of 16 bytes, as malloc pleases, and its loops over large
// arrays are up to a sixth slower where that is not a multiple of 32.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_

#include <Python.h>

#include <cstddef>

namespace numpack::python {

// From how many bytes on that is worthwhile: setting a handler takes as long as NumPy's loop over a
// smaller array.
inline constexpr size_t kAlignedBytes = size_t{64} << 10;

// For MemoryHandlerScope: NumPy's own memory, from a cache line on. Null when Python has no memory
// for the capsule. The GIL must be held.
PyObject* AlignedMemoryHandler();

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_ALIGNED_MEMORY_H_
