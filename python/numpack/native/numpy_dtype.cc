#include "python/numpack/native/numpy_dtype.h"

#include <cstdint>

#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

// The dtype of NumPy's kind letter `kind` with elements of `size` bytes.
std::optional<DType> DTypeOfKind(char kind, int64_t size) {
  const auto pick = [size](DType of1, DType of2, DType of4, DType of8) -> std::optional<DType> {
    switch (size) {
      case 1:
        return of1;
      case 2:
        return of2;
      case 4:
        return of4;
      case 8:
        return of8;
      default:
        return std::nullopt;
    }
  };
  switch (kind) {
    case 'b':
      return DType::kBool;
    case 'u':
      return pick(DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64);
    case 'i':
      return pick(DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64);
    case 'f':
      if (size == 1) return std::nullopt;
      return pick(DType::kFloat16, DType::kFloat16, DType::kFloat32, DType::kFloat64);
    case 'c':
      if (size == 8) return DType::kComplex64;
      if (size == 16) return DType::kComplex128;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

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
  auto* array = reinterpret_cast<PyArrayObject*>(ndarray.ptr());
  return DTypeOfKind(PyArray_DESCR(array)->kind, PyArray_ITEMSIZE(array));
}

nb::object NumpyDType(DType dtype) {
  return nb::steal(reinterpret_cast<PyObject*>(PyArray_DescrFromType(NumpyType(dtype))));
}

}  // namespace numpack::python
