#include "python/numpack/native/hot_arrays.h"

#include <algorithm>

namespace numpack::python {
namespace {

namespace nb = nanobind;

PyArrayObject* AsArray(PyObject* ndarray) { return reinterpret_cast<PyArrayObject*>(ndarray); }

}  // namespace

HotArrays::Layout HotArrays::Layout::Of(nb::handle ndarray) {
  PyArrayObject* const array = AsArray(ndarray.ptr());
  const int rank = PyArray_NDIM(array);
  Layout layout;
  layout.data = PyArray_DATA(array);
  layout.descr = PyArray_DESCR(array);
  layout.shape.assign(PyArray_DIMS(array), PyArray_DIMS(array) + rank);
  layout.strides.assign(PyArray_STRIDES(array), PyArray_STRIDES(array) + rank);
  return layout;
}

bool HotArrays::Layout::IsThatOf(PyObject* ndarray) const {
  PyArrayObject* const array = AsArray(ndarray);
  return data == PyArray_DATA(array) && descr == PyArray_DESCR(array) &&
         shape.size() == static_cast<size_t>(PyArray_NDIM(array)) &&
         std::equal(shape.begin(), shape.end(), PyArray_DIMS(array)) &&
         std::equal(strides.begin(), strides.end(), PyArray_STRIDES(array));
}

HotArrays::Slot* HotArrays::Take(nb::handle name, nb::handle ndarray, uint64_t version) {
  if (!PyUnicode_CheckExact(name.ptr()) || !PyArray_Check(ndarray.ptr())) return nullptr;
  Slot& slot = SlotOf(name.ptr());
  if (slot.saved_again && slot.version == version && slot.name != name.ptr())
    return nullptr;  // has something to settle
  if (slot.name != name.ptr()) {
    Py_XDECREF(slot.name);
    slot.name = Py_NewRef(name.ptr());
    slot.saved = slot.saved_again = false;
  }
  if (slot.version != version || slot.array != ndarray.ptr()) slot.saved = slot.saved_again = false;
  slot.array = ndarray.ptr();
  slot.version = version;
  return &slot;
}

void HotArrays::NoteLoaded(nb::handle name, nb::handle ndarray, uint64_t version) {
  Take(name, ndarray, version);
}

void HotArrays::NoteSaved(nb::handle name, nb::handle ndarray, uint64_t version) {
  Slot* const slot = Take(name, ndarray, version);
  if (slot == nullptr) return;
  slot->layout = Layout::Of(ndarray);
  slot->saved = true;
  slot->saved_again = false;
}

void HotArrays::Clear() {
  for (Slot& slot : slots_) {
    Py_XDECREF(slot.name);
    slot = Slot();
  }
}

}  // namespace numpack::python
