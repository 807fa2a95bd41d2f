// Floating-point exceptions that a kernel raised, reported by NumPy: with its words, at the
// caller's line, and as numpy.errstate wants it.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_REPORTING_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_REPORTING_H_

#include <Python.h>

#include <cfenv>

#include "numpack/core/dtype.h"
#include "python/numpack/arithmetic/operators.h"

namespace numpack::python {

// What NumPy reports.
inline constexpr int kReported = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID;

// Runs the operator on a few elements of the dtype that raise the exceptions in `flags`. False when
// that ended in a Python exception. The GIL must be held.
bool Report(const InPlaceOperator& op, DType dtype, int flags);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_REPORTING_H_
