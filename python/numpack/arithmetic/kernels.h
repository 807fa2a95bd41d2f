// The kernels, which the module _native has (its kernel_table.h says why).
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_KERNELS_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_KERNELS_H_

#include "python/numpack/native/kernel_table.h"

namespace numpack::python {

// Imports numpack._native. False with a Python exception set.
bool ImportKernels();

// Only after ImportKernels.
const KernelTable& Kernels();

// Whether NumPy is older than 2, where what a Python number is converted to depends on its value.
// Only after ImportKernels.
bool IsNumpy1();

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_KERNELS_H_
