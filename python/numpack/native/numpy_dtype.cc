#include "python/numpack/native/numpy_dtype.h"

#include "python/numpack/native/ndarray_dtype.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

namespace nb = nanobind;

int NumpyType(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return NPY_BOOL;
    case DType::kUint8:
      return NPY_UINT8;
    case DType::kUint16:
      return NPY_UINT16;
    case DType::kUint32:
      return NPY_UINT32;
    case DType::kUint64:
      return NPY_UINT64;
    case DType::kInt8:
      return NPY_INT8;
    case DType::kInt16:
      return NPY_INT16;
    case DType::kInt32:
      return NPY_INT32;
    case DType::kInt64:
      return NPY_INT64;
    case DType::kFloat16:
      return NPY_FLOAT16;
    case DType::kFloat32:
      return NPY_FLOAT32;
    case DType::kFloat64:
      return NPY_FLOAT64;
    case DType::kComplex64:
      return NPY_COMPLEX64;
    case DType::kComplex128:
      return NPY_COMPLEX128;
  }
  return NPY_NOTYPE;
}

std::optional<DType> DTypeOfNdarray(nb::handle ndarray) {
  return DTypeOfArray(reinterpret_cast<PyArrayObject*>(ndarray.ptr()));
}

nb::object NumpyDType(DType dtype) {
  return nb::steal(reinterpret_cast<PyObject*>(PyArray_DescrFromType(NumpyType(dtype))));
}

}  // namespace numpack::python
