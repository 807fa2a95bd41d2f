// numpy.dtype <-> the library's DType. The GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_DTYPE_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_DTYPE_H_

#include <nanobind/nanobind.h>

#include <optional>

#include "numpack/core/dtype.h"

namespace numpack::python {

// The library's dtype for an ndarray's elements, whatever their byte order; nullopt for strings,
// objects, ...
std::optional<DType> DTypeOfNdarray(nanobind::handle ndarray);

// NumPy's type number.
int NumpyType(DType dtype);

// numpy.dtype.
nanobind::object NumpyDType(DType dtype);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_DTYPE_H_
