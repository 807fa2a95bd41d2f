// Memory for large ndarrays that has been used before: numpack/base/buffer_pool.h says why.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_POOLED_MEMORY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_POOLED_MEMORY_H_

#include <nanobind/nanobind.h>

#include <cstddef>

namespace numpack::python {

// From how many bytes on an ndarray's memory comes from the pool. Below it, what NumPy itself has
// is as good.
inline constexpr size_t kPooledBytes = size_t{2} << 20;

// For MemoryHandlerScope: memory of the process's BufferPool, which begins at a page. When the last
// ndarray that uses it goes, it returns there. Null when Python has no memory for the capsule. The
// GIL must be held.
PyObject* PooledMemoryHandler();

// Gives what the pool keeps to use it again back to the system. Needs no GIL.
void ReleaseIdleMemory();

// Puts what tests and curious users need to see of the pool into the module.
void BindPooledMemory(nanobind::module_& module);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_POOLED_MEMORY_H_
