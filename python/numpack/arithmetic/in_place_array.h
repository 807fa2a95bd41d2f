// The class of large ndarrays that come from a store: in-place operators run our kernels.
//
// A subclass of ndarray that overrides nothing but the in-place operators. What the kernels do not
// do exactly as NumPy does goes to NumPy's own operator (fast_path.h). New memory and small views
// are plain ndarrays, and so is what is pickled or saved: only an array that was loaded, and its
// large views, are of the class. Below 64 KiB its cost would be felt.
//
// The GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_IN_PLACE_ARRAY_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_IN_PLACE_ARRAY_H_

#include <Python.h>

#include <cstdint>

namespace numpack::python {

// Makes the class; once. A new reference, or null with an exception.
PyObject* MakeInPlaceArrayType();

// Gives an ndarray that nobody else has seen yet the class, if it is large enough.
void MakeInPlaceArray(PyObject* ndarray);

// From how many bytes on arrays are of the class; for tests.
void SetInPlaceBytes(int64_t bytes);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_IN_PLACE_ARRAY_H_
