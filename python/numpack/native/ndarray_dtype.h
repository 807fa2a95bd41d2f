// The library's dtype of an ndarray. Of NumPy's C API alone, so that every module can use it.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_DTYPE_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_DTYPE_H_

#include <cstdint>
#include <optional>

#include "numpack/core/dtype.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

// The dtype of NumPy's kind letter `kind` with elements of `size` bytes; nullopt for strings,
// objects, ...
inline std::optional<DType> DTypeOfKind(char kind, int64_t size) {
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

// Whatever the byte order of the elements is.
inline std::optional<DType> DTypeOfArray(PyArrayObject* array) {
  return DTypeOfKind(PyArray_DESCR(array)->kind, PyArray_ITEMSIZE(array));
}

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_DTYPE_H_
