// NumPy's C API as this extension uses it: one copy of its function tables in each
// module, filled by its module.cc.
//
// Built against NumPy 2 headers, it runs on every NumPy from 1.22 on.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_API_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_API_H_

#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL numpack_numpy_api
#define PY_UFUNC_UNIQUE_SYMBOL numpack_ufunc_api
#ifndef NUMPACK_DEFINES_NUMPY_API
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif

#include <Python.h>
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_NUMPY_API_H_
