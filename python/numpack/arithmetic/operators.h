// The in-place operators of Python that kernels stand behind.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OPERATORS_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OPERATORS_H_

#include <Python.h>

#include <cstddef>
#include <iterator>

#include "numpack/kernels/operation.h"

namespace numpack::python {

struct InPlaceOperator {
  int slot;  // of CPython's types
  Operation operation;
  binaryfunc apply;  // the operator, on any objects
};

// x **= y has no modulus, but its function has.
inline PyObject* InPlacePower(PyObject* x, PyObject* y) {
  return PyNumber_InPlacePower(x, y, Py_None);
}

inline constexpr InPlaceOperator kInPlaceOperators[] = {
    {Py_nb_inplace_add, Operation::kAdd, PyNumber_InPlaceAdd},
    {Py_nb_inplace_subtract, Operation::kSubtract, PyNumber_InPlaceSubtract},
    {Py_nb_inplace_multiply, Operation::kMultiply, PyNumber_InPlaceMultiply},
    {Py_nb_inplace_true_divide, Operation::kDivide, PyNumber_InPlaceTrueDivide},
    {Py_nb_inplace_floor_divide, Operation::kFloorDivide, PyNumber_InPlaceFloorDivide},
    {Py_nb_inplace_remainder, Operation::kRemainder, PyNumber_InPlaceRemainder},
    {Py_nb_inplace_power, Operation::kPower, InPlacePower},
    {Py_nb_inplace_and, Operation::kBitwiseAnd, PyNumber_InPlaceAnd},
    {Py_nb_inplace_or, Operation::kBitwiseOr, PyNumber_InPlaceOr},
    {Py_nb_inplace_xor, Operation::kBitwiseXor, PyNumber_InPlaceXor},
    {Py_nb_inplace_lshift, Operation::kLeftShift, PyNumber_InPlaceLshift},
    {Py_nb_inplace_rshift, Operation::kRightShift, PyNumber_InPlaceRshift},
};
inline constexpr size_t kInPlaceOperatorCount = std::size(kInPlaceOperators);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_OPERATORS_H_
