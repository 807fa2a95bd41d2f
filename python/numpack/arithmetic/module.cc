// The extension module numpack._arithmetic: kernels as ndarrays reach them. Not for users: the
// package numpack is.
//
// Of Python's limited API alone, so that one build serves all versions from 3.10 on, and NumPy 1.22
// and later.

#define NUMPACK_DEFINES_NUMPY_API
#include "python/numpack/arithmetic/chain.h"
#include "python/numpack/arithmetic/fast_path.h"
#include "python/numpack/arithmetic/in_place_array.h"
#include "python/numpack/arithmetic/kernels.h"
#include "python/numpack/arithmetic/object.h"
#include "python/numpack/arithmetic/ufunc_loops.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

PyObject* OperationNames(PyObject* /*module*/, PyObject* /*unused*/) {
  Object names(PyList_New(0));
  if (!names) return nullptr;
  for (int i = 0; i < kOperationCount; ++i) {
    const Object name(PyUnicode_FromString(Kernels().operation_name(static_cast<Operation>(i))));
    if (!name || PyList_Append(names.get(), name.get()) != 0) return nullptr;
  }
  return names.Release();
}

PyObject* AccelerateNumpy(PyObject* /*module*/, PyObject* on) {
  const int ours = PyObject_IsTrue(on);
  if (ours < 0 || !SetUfuncLoops(ours != 0)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* GetThreads(PyObject* /*module*/, PyObject* /*unused*/) {
  return PyLong_FromLong(Kernels().threads());
}

PyObject* SetThreads(PyObject* /*module*/, PyObject* number) {
  const long threads = PyLong_AsLong(number);
  if (threads == -1 && PyErr_Occurred() != nullptr) return nullptr;
  if (threads < 0 || threads > 1 << 20) {
    PyErr_SetString(PyExc_ValueError, "the number of threads must not be negative");
    return nullptr;
  }
  Kernels().set_threads(static_cast<int>(threads));
  Py_RETURN_NONE;
}

PyObject* GetTarget(PyObject* /*module*/, PyObject* /*unused*/) {
  return PyUnicode_FromString(Kernels().target());
}

PyObject* GetInPlaceCount(PyObject* /*module*/, PyObject* /*unused*/) {
  return PyLong_FromLongLong(InPlaceCount());
}

PyObject* GetUfuncLoopCount(PyObject* /*module*/, PyObject* /*unused*/) {
  return PyLong_FromLongLong(UfuncLoopCount());
}

PyObject* SetMinBytes(PyObject* /*module*/, PyObject* bytes) {
  const long long number = PyLong_AsLongLong(bytes);
  if (number == -1 && PyErr_Occurred() != nullptr) return nullptr;
  SetInPlaceBytes(number);
  SetUfuncLoopBytes(number);
  Py_RETURN_NONE;
}

PyObject* MakeOfTheClass(PyObject* /*module*/, PyObject* ndarray) {
  MakeInPlaceArray(ndarray);
  Py_RETURN_NONE;
}

PyObject* AtExit(PyObject* /*module*/, PyObject* /*unused*/) {
  PrepareForExit();
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"run_chain", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(RunChain)),
     METH_FASTCALL, "Runs the steps of a chain on an array: chain.h."},
    {"operation_names", OperationNames, METH_NOARGS, "Of all operations, by their number."},
    {"accelerate_numpy", AccelerateNumpy, METH_O, "Puts kernels into NumPy, or takes them out."},
    {"get_threads", GetThreads, METH_NOARGS, "How many threads take part in large work."},
    {"set_threads", SetThreads, METH_O, "Sets that number; 0: one per processor."},
    {"simd_target", GetTarget, METH_NOARGS, "The instruction set that the kernels use."},
    {"in_place_count", GetInPlaceCount, METH_NOARGS, "In-place operators that ran a kernel."},
    {"ufunc_loop_count", GetUfuncLoopCount, METH_NOARGS, "Loops of ufuncs that ran a kernel."},
    {"set_min_bytes", SetMinBytes, METH_O,
     "From how many bytes on arrays are of the class InPlaceArray, and ufuncs run kernels."},
    {"make_in_place_array", MakeOfTheClass, METH_O,
     "Gives an ndarray that nobody else has seen the class InPlaceArray, if it is large enough."},
    {"_prepare_for_exit", AtExit, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "numpack._arithmetic",
                          "Kernels, as ndarrays reach them.",
                          -1,
                          methods,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

bool Fill(PyObject* module) {
  const Object type(MakeInPlaceArrayType());
  if (!type || PyModule_AddObjectRef(module, "InPlaceArray", type.get()) != 0) return false;
  Kernels().set_array_maker(MakeInPlaceArray);
  const Object atexit(PyImport_ImportModule("atexit"));
  const Object prepare(PyObject_GetAttrString(module, "_prepare_for_exit"));
  return atexit && prepare &&
         Object(PyObject_CallMethod(atexit.get(), "register", "O", prepare.get()));
}

PyObject* Init() {
  if (PyArray_ImportNumPyAPI() != 0 || PyUFunc_ImportUFuncAPI() != 0 || !ImportKernels())
    return nullptr;
  Object module(PyModule_Create(&definition));
  return module && Fill(module.get()) ? module.Release() : nullptr;
}

}  // namespace
}  // namespace numpack::python

PyMODINIT_FUNC PyInit__arithmetic() { return numpack::python::Init(); }
