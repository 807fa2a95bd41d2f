#include "python/numpack/arithmetic/chain.h"

#include <cfenv>
#include <cstddef>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/update_chain.h"
#include "python/numpack/arithmetic/kernels.h"
#include "python/numpack/arithmetic/object.h"
#include "python/numpack/arithmetic/rows.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray_dtype.h"

namespace numpack::python {
namespace {

// The steps as they were given, and the arrays beside them: null where there is none.
struct Chain {
  absl::InlinedVector<ChainStep, 4> steps;
  absl::InlinedVector<PyArrayObject*, 4> arrays;
};

bool ReadCast(PyObject* descriptor, ChainStep* step) {
  std::optional<DType> dtype;
  if (PyArray_DescrCheck(descriptor)) {
    auto* const to = reinterpret_cast<PyArray_Descr*>(descriptor);
    dtype = DTypeOfKind(to->kind, PyDataType_ELSIZE(to));
  }
  if (!dtype.has_value()) {
    PyErr_SetString(PyExc_TypeError, "a cast needs a dtype that stores know");
    return false;
  }
  step->is_cast = true;
  step->cast_to = *dtype;
  return true;
}

bool ReadOperation(PyObject* number, PyObject* operand, DType dtype, ChainStep* step,
                   PyArrayObject** array) {
  const long operation = PyLong_AsLong(number);
  if (operation == -1 && PyErr_Occurred() != nullptr) return false;
  if (operation < 0 || operation >= kOperationCount) {
    PyErr_SetString(PyExc_ValueError, "there is no operation of this number");
    return false;
  }
  step->operation = static_cast<Operation>(operation);
  if (operand == Py_None) return true;
  if (PyBytes_Check(operand)) {
    char* bytes = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(operand, &bytes, &size) != 0) return false;
    const auto item = static_cast<Py_ssize_t>(ItemSize(dtype));
    if (size != Kernels().scalar_count(step->operation) * item) {
      PyErr_SetString(PyExc_ValueError, "the scalars have another number of bytes");
      return false;
    }
    step->operand = Operand::Scalars(bytes);
    return true;
  }
  if (!PyArray_Check(operand) || !IsUsable(AsArray(operand)) ||
      DTypeOfArray(AsArray(operand)) != dtype) {
    PyErr_SetString(PyExc_TypeError,
                    "an array operand must be an aligned ndarray of the elements' dtype");
    return false;
  }
  *array = AsArray(operand);
  return true;
}

bool Read(PyObject* list, DType dtype, Chain* chain) {
  if (!PyList_Check(list)) {
    PyErr_SetString(PyExc_TypeError, "the steps must be a list");
    return false;
  }
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i) {
    PyObject* const pair = PyList_GetItem(list, i);
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
      PyErr_SetString(PyExc_TypeError, "a step must be a pair");
      return false;
    }
    PyObject* const first = PyTuple_GetItem(pair, 0);
    PyObject* const second = PyTuple_GetItem(pair, 1);
    ChainStep step;
    PyArrayObject* array = nullptr;
    if (first == Py_None ? !ReadCast(second, &step)
                         : !ReadOperation(first, second, dtype, &step, &array)) {
      return false;
    }
    if (step.is_cast) dtype = step.cast_to;
    chain->steps.push_back(step);
    chain->arrays.push_back(array);
  }
  return true;
}

PyObject* NamesOf(int flags) {
  struct Name {
    int flag;
    const char* name;
  };
  Object names(PyList_New(0));
  for (const auto& [flag, name] : {Name{FE_DIVBYZERO, "divide"}, Name{FE_OVERFLOW, "over"},
                                   Name{FE_UNDERFLOW, "under"}, Name{FE_INVALID, "invalid"}}) {
    if ((flags & flag) == 0) continue;
    const Object text(PyUnicode_FromString(name));
    if (!names || !text || PyList_Append(names.get(), text.get()) != 0) return nullptr;
  }
  return names ? PyList_AsTuple(names.get()) : nullptr;
}

}  // namespace

PyObject* RunChain(PyObject* /*module*/, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3 || !PyArray_Check(arguments[0])) {
    PyErr_SetString(PyExc_TypeError, "run_chain(array, steps, threads) needs an ndarray");
    return nullptr;
  }
  PyArrayObject* const array = AsArray(arguments[0]);
  const std::optional<DType> dtype = DTypeOfArray(array);
  const int threads = static_cast<int>(PyLong_AsLong(arguments[2]));
  if (threads == -1 && PyErr_Occurred() != nullptr) return nullptr;
  if (!dtype.has_value() || !PyArray_ISWRITEABLE(array) || !IsUsable(array)) {
    PyErr_SetString(PyExc_ValueError,
                    "the array must be writable, aligned, and of a dtype that stores know");
    return nullptr;
  }
  Chain chain;
  RowSpan target;
  if (!Read(arguments[1], *dtype, &chain)) return nullptr;
  if (PyArray_SIZE(array) == 0) {
    target = {nullptr, 0, 0, 0};
    // Operands have no elements either, or one; the kernels look at none.
    for (size_t i = 0; i < chain.steps.size(); ++i) {
      if (chain.arrays[i] != nullptr) chain.steps[i].operand = Operand::Array(nullptr, 0);
    }
  } else {
    absl::InlinedVector<Operand, 4> operands(chain.steps.size(), Operand::None());
    if (!FoldIntoRows(array, chain.arrays.data(), chain.arrays.size(), &target, operands.data()))
      Py_RETURN_NONE;
    for (size_t i = 0; i < chain.steps.size(); ++i) {
      if (chain.arrays[i] != nullptr) chain.steps[i].operand = operands[i];
    }
  }
  int flags = 0;
  bool done = false;
  char message[512] = "";
  {
    const ReleasedGil released;
    std::feclearexcept(FE_ALL_EXCEPT);
    done = Kernels().run(*dtype, target, chain.steps.data(), chain.steps.size(), threads, message,
                         sizeof(message));
    flags = std::fetestexcept(FE_ALL_EXCEPT);
  }
  if (!done) {
    PyErr_SetString(PyExc_ValueError, message);
    return nullptr;
  }
  return NamesOf(flags);
}

}  // namespace numpack::python
