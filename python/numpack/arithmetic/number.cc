#include "python/numpack/arithmetic/number.h"

#include <cfloat>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "python/numpack/arithmetic/kernels.h"

namespace numpack::python {
namespace {

std::optional<float> ToFloat32(double value) {
  const double magnitude = std::fabs(value);
  // Near the largest float NumPy 1 computes in float64, and NumPy 2 may warn of the conversion;
  // below the smallest normal one the conversion can underflow.
  if (std::isfinite(value) && magnitude >= 3.4e38) return std::nullopt;
  if (magnitude != 0 && magnitude < FLT_MIN) return std::nullopt;
  return static_cast<float>(value);
}

std::optional<Element> FromComplex(std::complex<double> value, DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return Element::Of(value.real());
    case DType::kComplex128:
      return Element::Of(value);
    case DType::kFloat32:
    case DType::kComplex64: {
      const std::optional<float> real = ToFloat32(value.real());
      const std::optional<float> imaginary = ToFloat32(value.imag());
      if (!real.has_value() || !imaginary.has_value()) return std::nullopt;
      if (dtype == DType::kFloat32) return Element::Of(*real);
      return Element::Of(std::complex<float>(*real, *imaginary));
    }
    default:
      return std::nullopt;
  }
}

template <typename T>
std::optional<Element> FromInteger(long long value) {
  // NumPy raises, or chooses another dtype, when the number does not fit.
  if constexpr (std::is_signed_v<T>) {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max())
      return std::nullopt;
  } else {
    if (value < 0 || static_cast<unsigned long long>(value) > std::numeric_limits<T>::max())
      return std::nullopt;
  }
  return Element::Of(static_cast<T>(value));
}

std::optional<Element> FromPythonInt(PyObject* object, DType dtype) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow != 0) return std::nullopt;
  switch (dtype) {
    case DType::kFloat32:
    case DType::kComplex64: {
      // NumPy 1 computes in float64 with what does not fit into 16 bits; NumPy 2 rounds to float32,
      // which is exact up to 2^24.
      const long long low = IsNumpy1() ? -32768 : -(1LL << 24);
      const long long high = IsNumpy1() ? 65535 : 1LL << 24;
      if (value < low || value > high) return std::nullopt;
      return FromComplex(static_cast<double>(value), dtype);
    }
    case DType::kFloat64:
    case DType::kComplex128:
      if (value < -(1LL << 53) || value > (1LL << 53)) return std::nullopt;
      return FromComplex(static_cast<double>(value), dtype);
    case DType::kInt8:
      return FromInteger<int8_t>(value);
    case DType::kInt16:
      return FromInteger<int16_t>(value);
    case DType::kInt32:
      return FromInteger<int32_t>(value);
    case DType::kInt64:
      return FromInteger<int64_t>(value);
    case DType::kUint8:
      return FromInteger<uint8_t>(value);
    case DType::kUint16:
      return FromInteger<uint16_t>(value);
    case DType::kUint32:
      return FromInteger<uint32_t>(value);
    case DType::kUint64:
      return FromInteger<uint64_t>(value);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Element> FromNumber(PyObject* object, PyArrayObject* array, DType dtype) {
  if (PyFloat_CheckExact(object)) return FromComplex(PyFloat_AsDouble(object), dtype);
  if (PyLong_CheckExact(object)) return FromPythonInt(object, dtype);
  if (PyComplex_CheckExact(object)) {
    if (dtype != DType::kComplex64 && dtype != DType::kComplex128) return std::nullopt;
    return FromComplex({PyComplex_RealAsDouble(object), PyComplex_ImagAsDouble(object)}, dtype);
  }
  if (PyBool_Check(object)) {
    if (dtype != DType::kBool) return std::nullopt;
    return Element::Of(static_cast<uint8_t>(object == Py_True));
  }
  if (Py_TYPE(object) != PyArray_DESCR(array)->typeobj) return std::nullopt;
  Element element{};
  PyArray_ScalarAsCtype(object, &element);
  return element;
}

}  // namespace numpack::python
