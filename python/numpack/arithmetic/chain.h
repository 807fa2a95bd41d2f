// Chains of operations on an ndarray, in one pass over its memory: what numpack.InPlace runs.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_CHAIN_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_CHAIN_H_

#include <Python.h>

namespace numpack::python {

// run_chain(array, steps, threads): `steps` is a list of pairs (operation, operand). The operation
// is its number; the operand None, the bytes of the scalars beside x, or an ndarray of the
// elements' dtype that is broadcast to `array`. The pair (None, dtype) casts to another dtype of
// the same size. Returns the floating-point exceptions that were raised, as a tuple of
// numpy.errstate's names for them, or None when the arrays cannot be seen as rows of neighbouring
// elements; nothing is changed then. TypeError and ValueError for what the kernels cannot do.
//
// The GIL must be held; it is given up while the kernels run.
PyObject* RunChain(PyObject* module, PyObject* const* arguments, Py_ssize_t count);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_CHAIN_H_
