#include "python/numpack/arithmetic/fast_path.h"

#include <atomic>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"
#include "python/numpack/arithmetic/kernels.h"
#include "python/numpack/arithmetic/number.h"
#include "python/numpack/arithmetic/reporting.h"
#include "python/numpack/arithmetic/rows.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray_dtype.h"

namespace numpack::python {
namespace {

std::atomic<int64_t> in_place_count{0};

bool IsFloat(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

bool HasFastPath(Operation operation, DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return false;
    case DType::kComplex64:
    case DType::kComplex128:
      return operation == Operation::kAdd || operation == Operation::kSubtract;
    default:
      return true;
  }
}

// Where there are gaps between rows, those that are shorter cost more in calls than NumPy does.
constexpr int64_t kMinRowBytes = 512;

// `**= other`: what is to be run for it. Nothing when that is NumPy's to decide.
std::optional<Operation> PowerOf(PyObject* other, DType dtype) {
  if (!PyLong_CheckExact(other)) return std::nullopt;
  int overflow = 0;
  if (PyLong_AsLongLongAndOverflow(other, &overflow) == 2) return Operation::kSquare;
  if (IsFloat(dtype)) return std::nullopt;
  return Operation::kPower;
}

}  // namespace

int64_t InPlaceCount() { return in_place_count.load(std::memory_order_relaxed); }

FastPath TryInPlace(const InPlaceOperator& op, PyArrayObject* array, PyObject* other,
                    int64_t min_bytes) {
  const int64_t size = PyArray_SIZE(array);
  const int64_t item = PyArray_ITEMSIZE(array);
  if (size == 0 || size * item < min_bytes) return FastPath::kNotTaken;
  if (!PyArray_ISWRITEABLE(array) || !IsUsable(array) ||
      (PyArray_FLAGS(array) & NPY_ARRAY_WRITEBACKIFCOPY) != 0) {
    return FastPath::kNotTaken;
  }
  const std::optional<DType> dtype = DTypeOfArray(array);
  if (!dtype.has_value() || !HasFastPath(op.operation, *dtype)) return FastPath::kNotTaken;
  Operation operation = op.operation;
  if (operation == Operation::kPower) {
    const std::optional<Operation> power = PowerOf(other, *dtype);
    if (!power.has_value()) return FastPath::kNotTaken;
    operation = *power;
  }

  Element number{};
  PyArrayObject* operand = nullptr;
  if (PyArray_CheckExact(other) || Py_TYPE(other) == Py_TYPE(reinterpret_cast<PyObject*>(array))) {
    operand = AsArray(other);
    if (!IsUsable(operand) || DTypeOfArray(operand) != dtype) return FastPath::kNotTaken;
    if (PyArray_SIZE(operand) == 1 && PyArray_NDIM(operand) <= PyArray_NDIM(array)) {
      std::memcpy(number.bytes, PyArray_DATA(operand), static_cast<size_t>(item));
      operand = nullptr;
    } else if (!SameElements(array, operand) && !AreApart(array, operand)) {
      return FastPath::kNotTaken;  // NumPy makes a copy first
    }
  } else {
    const std::optional<Element> element = FromNumber(other, array, *dtype);
    if (!element.has_value()) return FastPath::kNotTaken;
    number = *element;
  }

  RowSpan target;
  ChainStep step;
  step.operation = operation;
  if (!FoldIntoRows(array, &operand, 1, &target, &step.operand)) return FastPath::kNotTaken;
  if (operand == nullptr && Kernels().scalar_count(operation) > 0)
    step.operand = Operand::Scalars(number.bytes);
  const int64_t row_bytes = target.row_elements * item;
  if (target.rows > 1 && target.stride != row_bytes && row_bytes < kMinRowBytes)
    return FastPath::kNotTaken;

  int flags = 0;
  {
    const ReleasedGil released;
    // Clearing is a hundred times as slow as looking.
    if (std::fetestexcept(kReported) != 0) std::feclearexcept(FE_ALL_EXCEPT);
    char message[1];
    // False, with nothing done, also where there is no such kernel.
    if (!Kernels().run(*dtype, target, &step, 1, 0, message, sizeof(message)))
      return FastPath::kNotTaken;
    flags = std::fetestexcept(kReported);
  }
  in_place_count.fetch_add(1, std::memory_order_relaxed);
  if (flags == 0 || Report(op, *dtype, flags)) return FastPath::kDone;
  return FastPath::kError;
}

}  // namespace numpack::python
