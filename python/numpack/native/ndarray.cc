#include "python/numpack/native/ndarray.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "python/numpack/native/aligned_memory.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/kernels.h"
#include "python/numpack/native/memory_handler.h"
#include "python/numpack/native/numpy_api.h"
#include "python/numpack/native/pooled_memory.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

PyArrayObject* AsArray(nb::handle ndarray) {
  return reinterpret_cast<PyArrayObject*>(ndarray.ptr());
}

// Keeps an ndarray, and its elements where they are.
class NdarrayOwner final : public ArrayOwner {
 public:
  explicit NdarrayOwner(nb::object ndarray)
      : pin_(Pin(ndarray).release().ptr()), ndarray_(ndarray.release().ptr()) {}
  NdarrayOwner(const NdarrayOwner&) = delete;
  NdarrayOwner& operator=(const NdarrayOwner&) = delete;

  // Called by the library without the GIL.
  ~NdarrayOwner() override {
    const HeldGil held;
    if (!held) return;  // the interpreter goes, and its objects with it
    Py_XDECREF(pin_);
    Py_DECREF(ndarray_);
  }

  // Plain reads: without the GIL the answer is a snapshot anyway. The elements of a view belong to
  // its base, which the caller may hold although the view itself is ours alone.
  bool HeldElsewhere() const override {
    PyObject* const base = PyArray_BASE(AsArray(ndarray_));
    return Py_REFCNT(ndarray_) > 1 || (base != nullptr && Py_REFCNT(base) > 1);
  }

  const void* identity() const override { return ndarray_; }

  nb::object ndarray() const { return nb::borrow(ndarray_); }

 private:
  PyObject* pin_;
  PyObject* ndarray_;
};

// Where the memory of a new ndarray comes from; null: NumPy's own.
PyObject* HandlerFor(size_t bytes) {
  if (bytes >= kPooledBytes) return PooledMemoryHandler();
  return bytes >= kAlignedBytes ? AlignedMemoryHandler() : nullptr;
}

// The exception that NumPy has set, as a status.
absl::Status TakePythonError() {
  nb::python_error error;
  const char* type = error.matches(PyExc_MemoryError) ? "MemoryError" : "ValueError";
  return PythonError(type, nb::str(error.value()).c_str());
}

void DeleteArray(PyObject* capsule) {
  auto* array = static_cast<AnyArray*>(PyCapsule_GetPointer(capsule, nullptr));
  WithoutGil([array] { delete array; });
}

// Something to point to when there are no elements: NumPy would allocate for a null pointer.
alignas(64) std::byte no_elements[64];

}  // namespace

bool IsNdarray(nb::handle object) { return PyArray_Check(object.ptr()); }

nb::object CheckedNdarray(nb::handle value, absl::string_view name) {
  if (!IsNdarray(value)) {
    Raise(PythonError("TypeError", absl::StrCat("array '", name, "' must be a numpy.ndarray, not ",
                                                nb::inst_name(value).c_str())));
  }
  PyArrayObject* array = AsArray(value);
  if (!DTypeOfNdarray(value).has_value()) {
    const nb::str dtype(nb::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array))));
    Raise(absl::InvalidArgumentError(
        absl::StrCat("Unsupported dtype ", dtype.c_str(), " of array '", name, "'")));
  }
  if (PyArray_ISNOTSWAPPED(array)) return nb::borrow(value);
  PyArray_Descr* native = PyArray_DescrNewByteorder(PyArray_DESCR(array), NPY_NATIVE);
  if (native == nullptr) throw nb::python_error();
  PyObject* copy = PyArray_FromArray(array, native, NPY_ARRAY_CARRAY | NPY_ARRAY_FORCECAST);
  if (copy == nullptr) throw nb::python_error();
  return nb::steal(copy);
}

ArrayView ViewOf(nb::handle ndarray) {
  PyArrayObject* array = AsArray(ndarray);
  const int rank = PyArray_NDIM(array);
  const npy_intp* shape = PyArray_DIMS(array);
  const npy_intp* strides = PyArray_STRIDES(array);
  return ArrayView{*DTypeOfNdarray(ndarray), Shape(shape, shape + rank),
                   Strides(strides, strides + rank),
                   static_cast<const std::byte*>(PyArray_DATA(array))};
}

nb::object Pin(nb::handle ndarray) {
  // What has weak references is never moved, not even for resize(refcheck=False).
  nb::object weak = nb::steal(PyWeakref_NewRef(ndarray.ptr(), nullptr));
  if (!weak.is_valid()) PyErr_Clear();  // a subclass that cannot have them
  return weak;
}

AnyArray Share(nb::handle ndarray) {
  return AnyArray(ViewOf(ndarray), PyArray_ISWRITEABLE(AsArray(ndarray)) != 0,
                  std::make_shared<NdarrayOwner>(nb::borrow(ndarray)));
}

nb::object ToNdarray(AnyArray array) {
  if (const auto* owner = dynamic_cast<const NdarrayOwner*>(array.owner().get()))
    return owner->ndarray();

  const ArrayView view = array.view();
  const bool writable = array.writable();
  auto keeper = std::make_unique<AnyArray>(std::move(array));
  const nb::object base = nb::steal(PyCapsule_New(keeper.get(), nullptr, DeleteArray));
  if (!base.is_valid()) throw nb::python_error();
  static_cast<void>(keeper.release());  // the capsule's now

  absl::InlinedVector<npy_intp, 4> shape(view.shape.begin(), view.shape.end());
  absl::InlinedVector<npy_intp, 4> strides(view.strides.begin(), view.strides.end());
  void* data = view.size() == 0 ? no_elements : const_cast<std::byte*>(view.data);
  const int flags = writable ? NPY_ARRAY_WRITEABLE : 0;
  nb::object ndarray =
      nb::steal(PyArray_New(&PyArray_Type, static_cast<int>(shape.size()), shape.data(),
                            NumpyType(view.dtype), strides.data(), data, 0, flags, nullptr));
  if (!ndarray.is_valid()) throw nb::python_error();
  // Takes over the reference, also when it fails.
  if (PyArray_SetBaseObject(AsArray(ndarray), nb::object(base).release().ptr()) != 0) {
    throw nb::python_error();
  }
  PyArray_UpdateFlags(AsArray(ndarray), NPY_ARRAY_UPDATE_ALL);
  if (writable) MakeInPlaceArray(ndarray);
  return ndarray;
}

absl::StatusOr<AnyArray> NewNdarray(DType dtype, absl::Span<const int64_t> shape) {
  const HeldGil held;
  if (!held) return absl::CancelledError("the interpreter is ending");
  absl::InlinedVector<npy_intp, 4> dims(shape.begin(), shape.end());
  PyObject* ndarray = nullptr;
  {
    size_t bytes = ItemSize(dtype);
    for (const int64_t length : shape) bytes *= static_cast<size_t>(length);
    const MemoryHandlerScope handler(HandlerFor(bytes));
    ndarray = PyArray_SimpleNew(static_cast<int>(dims.size()), dims.data(), NumpyType(dtype));
  }
  if (ndarray == nullptr) return TakePythonError();
  const nb::object owned = nb::steal(ndarray);
  MakeInPlaceArray(owned);
  return Share(owned);
}

absl::StatusOr<AnyArray> NewNdarrayAlone(DType dtype, absl::Span<const int64_t> shape) {
  absl::StatusOr<AnyArray> array = NewNdarray(dtype, shape);
  if (array.ok() && array->nbytes() > 0) ReleaseIdleMemory();
  return array;
}

void MakeReadOnly(nb::handle ndarray) { PyArray_CLEARFLAGS(AsArray(ndarray), NPY_ARRAY_WRITEABLE); }

}  // namespace numpack::python
