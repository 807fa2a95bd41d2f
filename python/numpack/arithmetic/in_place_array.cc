#include "python/numpack/arithmetic/in_place_array.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "python/numpack/arithmetic/fast_path.h"
#include "python/numpack/arithmetic/kernels.h"
#include "python/numpack/arithmetic/object.h"
#include "python/numpack/arithmetic/operators.h"
#include "python/numpack/arithmetic/rows.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

// Smaller arrays, in bytes, stay plain; tests lower it.
int64_t min_bytes = int64_t{64} << 10;

PyTypeObject* the_type = nullptr;

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

// NumPy's own, in the order of kInPlaceOperators.
std::array<void*, kInPlaceOperatorCount> numpy_slots;

// What the operator returns, null with an exception; nothing when NumPy's is to be run.
template <size_t kOperator>
std::optional<PyObject*> Try(PyObject* self, PyObject* other) {
  if (!IsOfTheType(self)) return std::nullopt;
  switch (TryInPlace(kInPlaceOperators[kOperator], AsArray(self), other, min_bytes)) {
    case FastPath::kDone:
      return Py_NewRef(self);
    case FastPath::kError:
      return nullptr;
    case FastPath::kNotTaken:
      break;
  }
  return std::nullopt;
}

template <size_t kOperator>
PyObject* InPlaceBinary(PyObject* self, PyObject* other) {
  if (const auto result = Try<kOperator>(self, other)) return *result;
  return reinterpret_cast<binaryfunc>(numpy_slots[kOperator])(self, other);
}

template <size_t kOperator>
PyObject* InPlaceTernary(PyObject* self, PyObject* other, PyObject* modulus) {
  if (const auto result = Try<kOperator>(self, other)) return *result;
  return reinterpret_cast<ternaryfunc>(numpy_slots[kOperator])(self, other, modulus);
}

template <size_t kOperator>
PyType_Slot SlotOf() {
  if constexpr (kInPlaceOperators[kOperator].slot == Py_nb_inplace_power) {
    return {Py_nb_inplace_power, reinterpret_cast<void*>(InPlaceTernary<kOperator>)};
  } else {
    return {kInPlaceOperators[kOperator].slot, reinterpret_cast<void*>(InPlaceBinary<kOperator>)};
  }
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
  const int scalar = count >= 3 ? PyObject_IsTrue(arguments[2]) : static_cast<int>(IsNumpy1());
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
PyObject* Plain(PyObject* self) { return PyArray_View(AsArray(self), nullptr, &PyArray_Type); }

PyObject* ReduceEx(PyObject* self, PyObject* protocol) {
  const Object plain(Plain(self));
  return plain ? PyObject_CallMethod(plain.get(), "__reduce_ex__", "O", protocol) : nullptr;
}

PyObject* Reduce(PyObject* self, PyObject* /*unused*/) {
  const Object plain(Plain(self));
  return plain ? PyObject_CallMethod(plain.get(), "__reduce__", nullptr) : nullptr;
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

template <size_t... kOperators>
PyObject* MakeTypeOf(std::index_sequence<kOperators...> /*all*/) {
  PyType_Slot slots[] = {
      SlotOf<kOperators>()...,
      {Py_tp_methods, methods},
      {Py_tp_doc, const_cast<char*>(kDoc)},
      {0, nullptr},
  };
  // A size of 0 is that of the base, as the NumPy that is loaded has it.
  PyType_Spec spec = {"numpack._arithmetic.InPlaceArray", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  const Object bases(PyTuple_Pack(1, reinterpret_cast<PyObject*>(&PyArray_Type)));
  return bases ? PyType_FromSpecWithBases(&spec, bases.get()) : nullptr;
}

PyObject* MakeType() {
  for (size_t i = 0; i < kInPlaceOperatorCount; ++i)
    numpy_slots[i] = PyType_GetSlot(&PyArray_Type, kInPlaceOperators[i].slot);
  Object type(MakeTypeOf(std::make_index_sequence<kInPlaceOperatorCount>()));
  if (!type) return nullptr;
  // A hair below ndarray's 0: any other subclass decides about operations with both.
  const Object priority(PyFloat_FromDouble(-1e-9));
  if (!priority || PyObject_SetAttrString(type.get(), "__array_priority__", priority.get()) != 0)
    return nullptr;
  return type.Release();
}

// Whether objects of the class can become ndarrays, and the reverse: -1 with an exception. Were it
// ever otherwise, arrays would just be plain.
int HasLayoutOfNdarray(PyObject* type) {
  auto* const ndarray = reinterpret_cast<PyObject*>(&PyArray_Type);
  for (const char* name :
       {"__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__"}) {
    const Object ours(PyObject_GetAttrString(type, name));
    const Object numpys(PyObject_GetAttrString(ndarray, name));
    if (!ours || !numpys) return -1;
    const int same = PyObject_RichCompareBool(ours.get(), numpys.get(), Py_EQ);
    if (same != 1) return same;
  }
  const unsigned long flags = PyType_GetFlags(reinterpret_cast<PyTypeObject*>(type));
  return static_cast<int>((flags & Py_TPFLAGS_HAVE_GC) ==
                          (PyType_GetFlags(&PyArray_Type) & Py_TPFLAGS_HAVE_GC));
}

}  // namespace

void MakeInPlaceArray(PyObject* ndarray) {
  if (the_type != nullptr && PyArray_CheckExact(ndarray) && Bytes(AsArray(ndarray)) >= min_bytes)
    Retype(ndarray, the_type);
}

void SetInPlaceBytes(int64_t bytes) { min_bytes = bytes; }

PyObject* MakeInPlaceArrayType() {
  Object type(MakeType());
  if (!type) return nullptr;
  const int usable = HasLayoutOfNdarray(type.get());
  if (usable < 0) return nullptr;
  if (usable == 1) the_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type.get()));
  return type.Release();
}

}  // namespace numpack::python
