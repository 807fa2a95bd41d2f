#include "python/numpack/native/in_place_fast_path.h"

#include <nanobind/nanobind.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/numpy_dtype.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

std::atomic<int64_t> in_place_count{0};

constexpr int kReported = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID;

Operation OperationOf(InPlaceOperator op) {
  switch (op) {
    case InPlaceOperator::kAdd:
      return Operation::kAdd;
    case InPlaceOperator::kSubtract:
      return Operation::kSubtract;
    case InPlaceOperator::kMultiply:
      return Operation::kMultiply;
    case InPlaceOperator::kTrueDivide:
      break;
  }
  return Operation::kDivide;
}

bool IsFloat(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

// Not float16, whose flags NumPy raises in another way, nor complex numbers, whose products NumPy
// fuses on some machines.
bool HasFastPath(DType dtype) {
  return dtype != DType::kFloat16 && dtype != DType::kComplex64 && dtype != DType::kComplex128;
}

bool IsUsable(PyArrayObject* array) {
  return PyArray_CHKFLAGS(array, NPY_ARRAY_ALIGNED) && PyArray_ISNOTSWAPPED(array);
}

// --- Numbers

// One element of the array's dtype.
struct Element {
  alignas(16) std::byte bytes[16];
  template <typename T>
  static Element Of(T value) {
    Element element{};
    std::memcpy(element.bytes, &value, sizeof(value));
    return element;
  }
};

std::optional<Element> FromFloat(double value, DType dtype) {
  if (dtype == DType::kFloat64) return Element::Of(value);
  if (dtype != DType::kFloat32) return std::nullopt;
  const double magnitude = std::fabs(value);
  // Near the largest float NumPy 1 computes in float64, and NumPy 2 may warn of the conversion;
  // below the smallest normal one the conversion can underflow.
  if (std::isfinite(value) && magnitude >= 3.4e38) return std::nullopt;
  if (magnitude != 0 && magnitude < FLT_MIN) return std::nullopt;
  return Element::Of(static_cast<float>(value));
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

std::optional<Element> FromPythonInt(PyObject* object, DType dtype, bool is_numpy1) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow != 0) return std::nullopt;
  switch (dtype) {
    case DType::kFloat32: {
      // NumPy 1 computes in float64 with what does not fit into 16 bits; NumPy 2 rounds to float32,
      // which is exact up to 2^24.
      const long long low = is_numpy1 ? -32768 : -(1LL << 24);
      const long long high = is_numpy1 ? 65535 : 1LL << 24;
      if (value < low || value > high) return std::nullopt;
      return Element::Of(static_cast<float>(value));
    }
    case DType::kFloat64:
      if (value < -(1LL << 53) || value > (1LL << 53)) return std::nullopt;
      return Element::Of(static_cast<double>(value));
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

// The number as an element of the array's dtype, where that is what NumPy would compute with.
std::optional<Element> FromNumber(PyObject* object, PyArrayObject* array, DType dtype,
                                  bool is_numpy1) {
  if (PyFloat_CheckExact(object)) return FromFloat(PyFloat_AsDouble(object), dtype);
  if (PyLong_CheckExact(object)) return FromPythonInt(object, dtype, is_numpy1);
  if (Py_TYPE(object) != PyArray_DESCR(array)->typeobj) return std::nullopt;
  Element element{};
  PyArray_ScalarAsCtype(object, &element);
  return element;
}

// --- Arrays

// The array as rows of neighbouring elements, and the other operand beside it. Strides in bytes.
struct Rows {
  int64_t elements = 1;  // of a row
  int64_t count = 1;
  int64_t stride = 0;
  int64_t other_stride = 0;      // 0: the same for all rows
  bool other_is_column = false;  // one value for each row, instead of one for each element
};

// Nothing when it cannot be seen that way. `other`, if not null, is broadcast to the array.
std::optional<Rows> FoldIntoRows(PyArrayObject* array, PyArrayObject* other) {
  const int rank = PyArray_NDIM(array);
  const int missing = other == nullptr ? rank : rank - PyArray_NDIM(other);
  if (missing < 0) return std::nullopt;
  const npy_intp item = PyArray_ITEMSIZE(array);
  const bool fortran = PyArray_IS_F_CONTIGUOUS(array) && !PyArray_IS_C_CONTIGUOUS(array);
  Rows rows;
  bool any = false;    // an axis is part of a row already
  bool whole = false;  // a row is complete
  for (int k = 0; k < rank; ++k) {
    const int axis = fortran ? k : rank - 1 - k;
    const npy_intp length = PyArray_DIM(array, axis);
    const npy_intp stride = PyArray_STRIDE(array, axis);
    npy_intp other_stride = 0;
    if (axis >= missing && other != nullptr) {
      const npy_intp other_length = PyArray_DIM(other, axis - missing);
      if (other_length != length && other_length != 1) return std::nullopt;
      if (other_length != 1) other_stride = PyArray_STRIDE(other, axis - missing);
    }
    if (length == 1) continue;
    if (!whole) {
      if (!any) rows.other_is_column = other_stride == 0;
      const npy_intp next = rows.elements * item;
      if (stride == next && other_stride == (rows.other_is_column ? 0 : next)) {
        rows.elements *= length;
        any = true;
        continue;
      }
      if (!any) return std::nullopt;  // not even two neighbours
      whole = true;
      rows.count = length;
      rows.stride = stride;
      rows.other_stride = other_stride;
    } else {
      if (stride != rows.count * rows.stride || other_stride != rows.count * rows.other_stride)
        return std::nullopt;
      rows.count *= length;
    }
  }
  return rows;
}

bool SameElements(PyArrayObject* a, PyArrayObject* b) {
  return PyArray_BYTES(a) == PyArray_BYTES(b) && PyArray_NDIM(a) == PyArray_NDIM(b) &&
         PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a)) != 0 &&
         PyArray_CompareLists(PyArray_STRIDES(a), PyArray_STRIDES(b), PyArray_NDIM(a)) != 0;
}

bool ShareNothing(PyArrayObject* a, PyArrayObject* b) {
  const MemoryRange x = RangeOf(a);
  const MemoryRange y = RangeOf(b);
  return x.end <= y.begin || y.end <= x.begin;
}

// Rows shorter than this cost more in calls than NumPy does.
constexpr int64_t kMinRowBytes = 512;

// Runs the operation row by row. The GIL is not needed. `other` is null for a number.
void UpdateRows(Operation operation, DType dtype, std::byte* data, const Rows& rows,
                const std::byte* other, const Element& number) {
  for (int64_t row = 0; row < rows.count; ++row) {
    const std::byte* operand = other == nullptr ? number.bytes : other + row * rows.other_stride;
    // It was checked before: the operation exists for the dtype, memory is aligned and disjoint.
    ApplyInPlace(operation, dtype, data + row * rows.stride, rows.elements,
                 other == nullptr || rows.other_is_column ? Operand::Scalars(operand)
                                                          : Operand::Array(operand, rows.elements))
        .IgnoreError();
  }
}

// --- Reporting

// Lets NumPy report the exceptions in `flags`: its own operator is applied to elements that raise
// them.
template <typename T>
bool ReportAs(InPlaceOperator op, int numpy_type, int flags) {
  constexpr T kHuge = std::numeric_limits<T>::max();
  constexpr T kTiny = std::numeric_limits<T>::min();
  T x[4] = {1, 1, 1, 1};
  T y[4] = {1, 1, 1, 1};
  if ((flags & FE_DIVBYZERO) != 0) y[0] = 0;  // only division raises it
  if ((flags & FE_OVERFLOW) != 0) {
    x[1] = kHuge;
    y[1] = op == InPlaceOperator::kSubtract     ? -kHuge
           : op == InPlaceOperator::kTrueDivide ? T{0.5}
                                                : kHuge;
  }
  if ((flags & FE_UNDERFLOW) != 0) {
    x[2] = kTiny;
    y[2] = op == InPlaceOperator::kTrueDivide ? kHuge : kTiny;
  }
  if ((flags & FE_INVALID) != 0) x[3] = std::numeric_limits<T>::signaling_NaN();
  npy_intp length = 4;
  const nb::object a = nb::steal(PyArray_SimpleNew(1, &length, numpy_type));
  const nb::object b = nb::steal(PyArray_SimpleNew(1, &length, numpy_type));
  if (!a.is_valid() || !b.is_valid()) return false;
  std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(a.ptr())), x, sizeof(x));
  std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(b.ptr())), y, sizeof(y));
  constexpr binaryfunc kOperators[] = {PyNumber_InPlaceAdd, PyNumber_InPlaceSubtract,
                                       PyNumber_InPlaceMultiply, PyNumber_InPlaceTrueDivide};
  return nb::steal(kOperators[static_cast<int>(op)](a.ptr(), b.ptr())).is_valid();
}

bool Report(InPlaceOperator op, DType dtype, int flags) {
  return dtype == DType::kFloat32 ? ReportAs<float>(op, NPY_FLOAT, flags)
                                  : ReportAs<double>(op, NPY_DOUBLE, flags);
}

}  // namespace

int64_t InPlaceCount() { return in_place_count.load(std::memory_order_relaxed); }

MemoryRange RangeOf(PyArrayObject* array) {
  const char* begin = PyArray_BYTES(array);
  const char* end = begin + PyArray_ITEMSIZE(array);
  for (int axis = 0; axis < PyArray_NDIM(array); ++axis) {
    if (PyArray_DIM(array, axis) == 0) return {begin, begin};
    const npy_intp reach = (PyArray_DIM(array, axis) - 1) * PyArray_STRIDE(array, axis);
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

FastPath TryInPlace(InPlaceOperator op, PyArrayObject* array, PyObject* other, int64_t min_bytes,
                    bool is_numpy1) {
  const int64_t size = PyArray_SIZE(array);
  const int64_t item = PyArray_ITEMSIZE(array);
  if (size == 0 || size * item < min_bytes) return FastPath::kNotTaken;
  if (!PyArray_ISWRITEABLE(array) || !IsUsable(array) ||
      (PyArray_FLAGS(array) & NPY_ARRAY_WRITEBACKIFCOPY) != 0) {
    return FastPath::kNotTaken;
  }
  const nb::handle self(reinterpret_cast<PyObject*>(array));
  const std::optional<DType> dtype = DTypeOfNdarray(self);
  if (!dtype.has_value() || !HasFastPath(*dtype)) return FastPath::kNotTaken;

  Element number{};
  PyArrayObject* operand = nullptr;
  if (PyArray_CheckExact(other) || Py_TYPE(other) == Py_TYPE(self.ptr())) {
    operand = reinterpret_cast<PyArrayObject*>(other);
    if (!IsUsable(operand) || DTypeOfNdarray(other) != dtype) return FastPath::kNotTaken;
    if (PyArray_SIZE(operand) == 1 && PyArray_NDIM(operand) <= PyArray_NDIM(array)) {
      std::memcpy(number.bytes, PyArray_DATA(operand), static_cast<size_t>(item));
      operand = nullptr;
    } else if (!SameElements(array, operand) && !ShareNothing(array, operand)) {
      return FastPath::kNotTaken;  // NumPy makes a copy first
    }
  } else {
    const std::optional<Element> element = FromNumber(other, array, *dtype, is_numpy1);
    if (!element.has_value()) return FastPath::kNotTaken;
    number = *element;
  }

  const std::optional<Rows> rows = FoldIntoRows(array, operand);
  if (!rows.has_value()) return FastPath::kNotTaken;
  if (rows->count > 1 && rows->elements * item < kMinRowBytes) return FastPath::kNotTaken;
  const Operation operation = OperationOf(op);
  const bool scalar = operand == nullptr || rows->other_is_column;
  if (!IsSupported(operation, scalar ? OperandKind::kScalar : OperandKind::kArray, *dtype))
    return FastPath::kNotTaken;

  int flags = 0;
  {
    const ReleasedGil released;
    std::feclearexcept(FE_ALL_EXCEPT);
    UpdateRows(operation, *dtype, reinterpret_cast<std::byte*>(PyArray_BYTES(array)), *rows,
               operand == nullptr ? nullptr : reinterpret_cast<std::byte*>(PyArray_BYTES(operand)),
               number);
    flags = std::fetestexcept(kReported);
  }
  in_place_count.fetch_add(1, std::memory_order_relaxed);
  if (flags == 0 || !IsFloat(*dtype)) return FastPath::kDone;
  return Report(op, *dtype, flags) ? FastPath::kDone : FastPath::kError;
}

}  // namespace numpack::python
