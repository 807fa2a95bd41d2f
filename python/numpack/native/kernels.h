// The kernels as numpack._arithmetic takes them (kernel_table.h), and its class of arrays as this
// module uses it.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_KERNELS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_KERNELS_H_

#include <nanobind/nanobind.h>

namespace numpack::python {

// Puts the table, and what can be asked of the kernels, into the module.
void BindKernels(nanobind::module_& module);

// Gives an ndarray that nobody else has seen yet the class of in-place arrays, if it is large
// enough and numpack._arithmetic is loaded. The GIL must be held.
void MakeInPlaceArray(nanobind::handle ndarray);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_KERNELS_H_
