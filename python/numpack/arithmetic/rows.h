// ndarrays as the rows of neighbouring elements that kernels work on. The GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_ROWS_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_ROWS_H_

#include <cstddef>

#include "numpack/kernels/update_chain.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

// Of an object that is known to be an ndarray.
inline PyArrayObject* AsArray(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// Sees `array` as rows, and in the same way the `count` arrays in `others`, which are broadcast to
// it; null ones are passed over. False when it cannot be done: an array has no neighbours along an
// axis, or there are gaps between rows and between groups of rows too, or shapes do not go
// together.
bool FoldIntoRows(PyArrayObject* array, PyArrayObject* const* others, size_t count, RowSpan* target,
                  Operand* operands);

// [begin, end): what the array's elements span.
struct MemoryRange {
  const char* begin;
  const char* end;
};
MemoryRange RangeOf(PyArrayObject* array);

// Same memory, shape and strides.
bool SameElements(PyArrayObject* a, PyArrayObject* b);

// No byte in common, nor between the first and the last byte of each.
bool AreApart(PyArrayObject* a, PyArrayObject* b);

// Aligned, and of this machine's byte order.
bool IsUsable(PyArrayObject* array);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_ROWS_H_
