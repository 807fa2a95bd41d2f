// The extension module numpack._native. Not for users: the package numpack is.

#include <nanobind/nanobind.h>

#define NUMPACK_DEFINES_NUMPY_API
#include "python/numpack/native/gil.h"
#include "python/numpack/native/kernels.h"
#include "python/numpack/native/lazy.h"
#include "python/numpack/native/numpy_api.h"
#include "python/numpack/native/pooled_memory.h"
#include "python/numpack/native/store.h"
#include "python/numpack/native/writable.h"

NB_MODULE(_native, module) {
  if (PyArray_ImportNumPyAPI() != 0) throw nanobind::python_error();
  // Objects that live until the interpreter ends are no mistake of the user's.
  nanobind::set_leak_warnings(false);
  module.doc() = "C++ half of the package numpack.";
  nanobind::module_::import_("atexit").attr("register")(
      nanobind::cpp_function(&numpack::python::PrepareForExit));
  numpack::python::BindKernels(module);
  numpack::python::BindPooledMemory(module);
  numpack::python::BindLazy(module);
  numpack::python::BindWritable(module);
  numpack::python::BindStore(module);
}
