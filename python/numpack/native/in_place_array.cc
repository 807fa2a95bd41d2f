#include "python/numpack/native/in_place_array.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "numpack/kernels/elementwise.h"
#include "python/numpack/native/in_place_fast_path.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

PyTypeObject* the_type = nullptr;
int64_t min_bytes = kInPlaceArrayBytes;  // tests lower it
bool is_numpy1 = false;

PyArrayObject* AsArray(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

bool IsOfTheType(PyObject* object) { return Py_TYPE(object) == the_type; }

// Bytes of the elements. PyArray_NBYTES counts the same, but from a field that a view may lack.
int64_t Bytes(PyArrayObject* array) {
  return static_cast<int64_t>(PyArray_SIZE(array)) * PyArray_ITEMSIZE(array);
}

// Changes the class of an ndarray. Both classes have the same memory layout: ours adds nothing.
void Retype(PyObject* array, PyTypeObject* type) {
  PyTypeObject* old = Py_TYPE(array);
  // Objects hold a reference to their class if that was made at run time.
  if ((PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE) != 0) Py_INCREF(type);
  Py_SET_TYPE(array, type);
  if ((PyType_GetFlags(old) & Py_TPFLAGS_HEAPTYPE) != 0) Py_DECREF(old);
}

// Whether the first element of `view` lies in the memory of `array`. Neither its base nor its flags
// tell: indexing with an array of indexes, say, returns a view of new memory.
bool LiesIn(PyArrayObject* view, PyArrayObject* array) {
  const MemoryRange range = RangeOf(array);
  const char* const first = PyArray_BYTES(view);
  return first >= range.begin && first < range.end;
}

// --- Operators

struct InPlaceSlot {
  int id;  // of CPython
  InPlaceOperator op;
};
constexpr InPlaceSlot kSlots[] = {
    {Py_nb_inplace_add, InPlaceOperator::kAdd},
    {Py_nb_inplace_subtract, InPlaceOperator::kSubtract},
    {Py_nb_inplace_multiply, InPlaceOperator::kMultiply},
    {Py_nb_inplace_true_divide, InPlaceOperator::kTrueDivide},
};
// NumPy's own, in the same order.
std::array<binaryfunc, std::size(kSlots)> numpy_slots;

template <size_t kSlot>
PyObject* InPlaceBinary(PyObject* self, PyObject* other) {
  if (IsOfTheType(self)) {
    switch (TryInPlace(kSlots[kSlot].op, AsArray(self), other, min_bytes, is_numpy1)) {
      case FastPath::kDone:
        return Py_NewRef(self);
      case FastPath::kError:
        return nullptr;
      case FastPath::kNotTaken:
        break;
    }
  }
  return numpy_slots[kSlot](self, other);
}

// --- Which arrays are of the class. NumPy calls these for whatever it makes out of one.

// __array_finalize__: copies, views and results, which nobody else has seen yet.
PyObject* Finalize(PyObject* self, PyObject* from) {
  if (IsOfTheType(self) && PyArray_Check(from) &&
      (Bytes(AsArray(self)) < min_bytes || !LiesIn(AsArray(self), AsArray(from)))) {
    Retype(self, &PyArray_Type);
  }
  Py_RETURN_NONE;
}

// __array_wrap__: results of ufuncs and of functions written in Python, which come as plain
// ndarrays and stay so. squeeze() brings a view of our own memory this way.
PyObject* Wrap(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count < 1 || !PyArray_Check(arguments[0])) {
    PyErr_SetString(PyExc_TypeError, "__array_wrap__ needs an array");
    return nullptr;
  }
  PyObject* const result = arguments[0];
  if (result == self) return Py_NewRef(self);  // the array is the output of a ufunc
  // NumPy 2 says whether a 0-d result is to become a scalar; NumPy 1 always wants that.
  const int scalar = count >= 3 ? PyObject_IsTrue(arguments[2]) : static_cast<int>(is_numpy1);
  if (scalar < 0) return nullptr;
  if (PyArray_CheckExact(result) && IsOfTheType(self) && Bytes(AsArray(result)) >= min_bytes &&
      LiesIn(AsArray(result), AsArray(self))) {
    PyObject* const view = PyArray_View(AsArray(result), nullptr, &PyArray_Type);
    if (view != nullptr) Retype(view, the_type);
    return view;
  }
  Py_INCREF(result);
  return scalar != 0 && PyArray_NDIM(AsArray(result)) == 0 ? PyArray_Return(AsArray(result))
                                                           : result;
}

// Pickles are those of plain ndarrays: they can be read without this package.
nb::object Plain(PyObject* self) {
  return nb::steal(PyArray_View(AsArray(self), nullptr, &PyArray_Type));
}

PyObject* ReduceEx(PyObject* self, PyObject* protocol) {
  const nb::object plain = Plain(self);
  if (!plain.is_valid()) return nullptr;
  return PyObject_CallMethod(plain.ptr(), "__reduce_ex__", "O", protocol);
}

PyObject* Reduce(PyObject* self, PyObject* /*unused*/) {
  const nb::object plain = Plain(self);
  if (!plain.is_valid()) return nullptr;
  return PyObject_CallMethod(plain.ptr(), "__reduce__", nullptr);
}

PyMethodDef methods[] = {
    {"__array_finalize__", Finalize, METH_O, nullptr},
    // A capsule with a C function in it would be quicker, but as_strided(subok=True) calls it.
    {"__array_wrap__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(Wrap)),
     METH_FASTCALL, nullptr},
    {"__reduce_ex__", ReduceEx, METH_O, nullptr},
    {"__reduce__", Reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

constexpr char kDoc[] =
    "A large array of a store. It is a numpy.ndarray in every respect; its in-place operators run\n"
    "the kernels of numpack, on several threads, where they give the same result.";

nb::object MakeType() {
  for (size_t i = 0; i < std::size(kSlots); ++i) {
    numpy_slots[i] = reinterpret_cast<binaryfunc>(PyType_GetSlot(&PyArray_Type, kSlots[i].id));
  }
  const auto in_place = [](binaryfunc function) { return reinterpret_cast<void*>(function); };
  PyType_Slot slots[] = {
      {kSlots[0].id, in_place(InPlaceBinary<0>)},
      {kSlots[1].id, in_place(InPlaceBinary<1>)},
      {kSlots[2].id, in_place(InPlaceBinary<2>)},
      {kSlots[3].id, in_place(InPlaceBinary<3>)},
      {Py_tp_methods, methods},
      {Py_tp_doc, const_cast<char*>(kDoc)},
      {0, nullptr},
  };
  // A size of 0 is that of the base, as the NumPy that is loaded has it.
  PyType_Spec spec = {"numpack.InPlaceArray", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  const nb::object bases = nb::make_tuple(nb::handle(reinterpret_cast<PyObject*>(&PyArray_Type)));
  nb::object type = nb::steal(PyType_FromSpecWithBases(&spec, bases.ptr()));
  if (!type.is_valid()) throw nb::python_error();
  // A hair below ndarray's 0: any other subclass decides about operations with both.
  type.attr("__array_priority__") = -1e-9;
  return type;
}

// Whether objects of the class can become ndarrays, and the reverse. Were it ever otherwise, arrays
// would just be plain.
bool HasLayoutOfNdarray(nb::handle type) {
  const nb::handle ndarray(reinterpret_cast<PyObject*>(&PyArray_Type));
  for (const char* size :
       {"__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__"}) {
    if (!type.attr(size).equal(ndarray.attr(size))) return false;
  }
  const unsigned long flags = PyType_GetFlags(reinterpret_cast<PyTypeObject*>(type.ptr()));
  return (flags & Py_TPFLAGS_HAVE_GC) == (PyType_GetFlags(&PyArray_Type) & Py_TPFLAGS_HAVE_GC);
}

}  // namespace

bool IsInPlaceArray(nb::handle object) { return IsOfTheType(object.ptr()); }

void MakeInPlaceArray(nb::handle ndarray) {
  if (the_type != nullptr && PyArray_CheckExact(ndarray.ptr()) &&
      Bytes(AsArray(ndarray.ptr())) >= min_bytes) {
    Retype(ndarray.ptr(), the_type);
  }
}

void BindInPlaceArray(nb::module_& module) {
  const nb::str version(nb::module_::import_("numpy").attr("__version__"));
  is_numpy1 = version.c_str()[0] == '1';
  const nb::object type = MakeType();
  module.attr("InPlaceArray") = type;
  if (HasLayoutOfNdarray(type))
    the_type = reinterpret_cast<PyTypeObject*>(nb::object(type).release().ptr());  // lives for ever

  // For tests.
  module.def(
      "make_in_place_array", [](nb::handle ndarray) { MakeInPlaceArray(ndarray); }, "ndarray"_a,
      nb::sig("def make_in_place_array(ndarray: numpack.typing.Array) -> None"),
      "Gives an ndarray that nobody else has seen the class InPlaceArray, if it is large enough.");
  module.def(
      "set_in_place_bytes", [](int64_t bytes) { min_bytes = bytes; }, "bytes"_a,
      "From how many bytes on arrays are of the class InPlaceArray.");
  module.def("in_place_count", &InPlaceCount, "In-place operators that ran a kernel.");
  module.def("simd_target", &ActiveTarget, "The instruction set that the kernels use.");
}

}  // namespace numpack::python
