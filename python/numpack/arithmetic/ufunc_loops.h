// Kernels in the place of NumPy's own inner loops, for the whole process: what
// numpack.accelerate_numpy does.
//
// A loop that was put in looks at each call. Where the output is the first input, lies without gaps
// and is large, it runs the kernel; all else goes to NumPy's loop. What NumPy does around its loops
// stays: conversion, overlap, floating-point errors, giving up the GIL.
//
// NumPy does not synchronise the exchange with ufuncs that run at the time in other threads.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_UFUNC_LOOPS_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_UFUNC_LOOPS_H_

#include <cstdint>

namespace numpack::python {

// add, subtract, multiply and divide of float32 and float64. Does nothing when it is so already.
// False with a Python exception set. The GIL must be held.
bool SetUfuncLoops(bool ours);

// From how many bytes on kernels are run; for tests.
void SetUfuncLoopBytes(int64_t bytes);

// How often a kernel ran.
int64_t UfuncLoopCount();

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_UFUNC_LOOPS_H_
