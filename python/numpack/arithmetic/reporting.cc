#include "python/numpack/arithmetic/reporting.h"

#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "python/numpack/arithmetic/object.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

constexpr int kElements = 4;

// `x op y`, in place, of new arrays. NumPy's loops may look at any element: none is left out.
template <typename T>
bool Apply(const InPlaceOperator& op, int numpy_type, const T (&x)[kElements],
           const T (&y)[kElements]) {
  npy_intp length = kElements;
  const Object a(PyArray_SimpleNew(1, &length, numpy_type));
  // NumPy takes another loop for powers of two.
  const Object b(op.operation == Operation::kPower ? PyLong_FromLong(2)
                                                   : PyArray_SimpleNew(1, &length, numpy_type));
  if (!a || !b) return false;
  std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(a.get())), x, sizeof(x));
  if (PyArray_Check(b.get())) {
    std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(b.get())), y, sizeof(y));
  }
  return static_cast<bool>(Object(op.apply(a.get(), b.get())));
}

template <typename Real, typename T = Real>
bool ReportFloat(const InPlaceOperator& op, int numpy_type, int flags) {
  constexpr Real kHuge = std::numeric_limits<Real>::max();
  constexpr Real kTiny = std::numeric_limits<Real>::min();
  const bool divides =
      op.operation == Operation::kDivide || op.operation == Operation::kFloorDivide;
  T x[kElements] = {1, 1, 1, 1};
  T y[kElements] = {1, 1, 1, 1};
  if ((flags & FE_DIVBYZERO) != 0) y[0] = 0;  // only division raises it
  if ((flags & FE_OVERFLOW) != 0) {
    x[1] = kHuge;
    y[1] = op.operation == Operation::kSubtract ? -kHuge : divides ? Real{0.5} : kHuge;
  }
  if ((flags & FE_UNDERFLOW) != 0) {
    x[2] = kTiny;
    y[2] = divides ? kHuge : kTiny;
  }
  if ((flags & FE_INVALID) != 0) {
    const bool by_quotient =
        op.operation == Operation::kFloorDivide || op.operation == Operation::kRemainder;
    x[3] = by_quotient ? std::numeric_limits<Real>::infinity()
                       : std::numeric_limits<Real>::signaling_NaN();
  }
  return Apply(op, numpy_type, x, y);
}

// Only divisions of integers raise exceptions: by zero, and of the smallest number by -1.
template <typename T>
bool ReportInteger(const InPlaceOperator& op, int numpy_type, int flags) {
  T x[kElements] = {1, 1, 1, 1};
  T y[kElements] = {1, 1, 1, 1};
  if ((flags & FE_DIVBYZERO) != 0) y[0] = 0;
  if constexpr (std::is_signed_v<T>) {
    if ((flags & FE_OVERFLOW) != 0) {
      x[1] = std::numeric_limits<T>::min();
      y[1] = -1;
    }
  }
  return Apply(op, numpy_type, x, y);
}

}  // namespace

bool Report(const InPlaceOperator& op, DType dtype, int flags) {
  switch (dtype) {
    case DType::kFloat32:
      return ReportFloat<float>(op, NPY_FLOAT32, flags);
    case DType::kFloat64:
      return ReportFloat<double>(op, NPY_FLOAT64, flags);
    case DType::kComplex64:
      return ReportFloat<float, std::complex<float>>(op, NPY_COMPLEX64, flags);
    case DType::kComplex128:
      return ReportFloat<double, std::complex<double>>(op, NPY_COMPLEX128, flags);
    case DType::kInt8:
      return ReportInteger<int8_t>(op, NPY_INT8, flags);
    case DType::kInt16:
      return ReportInteger<int16_t>(op, NPY_INT16, flags);
    case DType::kInt32:
      return ReportInteger<int32_t>(op, NPY_INT32, flags);
    case DType::kInt64:
      return ReportInteger<int64_t>(op, NPY_INT64, flags);
    case DType::kUint8:
      return ReportInteger<uint8_t>(op, NPY_UINT8, flags);
    case DType::kUint16:
      return ReportInteger<uint16_t>(op, NPY_UINT16, flags);
    case DType::kUint32:
      return ReportInteger<uint32_t>(op, NPY_UINT32, flags);
    case DType::kUint64:
      return ReportInteger<uint64_t>(op, NPY_UINT64, flags);
    default:
      return true;  // no kernel of theirs raises any
  }
}

}  // namespace numpack::python
