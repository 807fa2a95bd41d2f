#include "python/numpack/native/lazy.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/c_function.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/numpy_api.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

PyArrayObject* AsArray(nb::handle ndarray) {
  return reinterpret_cast<PyArrayObject*>(ndarray.ptr());
}

// Whether all items are ints, or all are bools: then a list means rows. Nested lists, floats and
// mixtures have NumPy's meaning or its error.
bool IsPlainList(nb::handle list) {
  const Py_ssize_t count = NB_LIST_GET_SIZE(list.ptr());
  Py_ssize_t ints = 0;
  Py_ssize_t bools = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = NB_LIST_GET_ITEM(list.ptr(), i);
    if (PyBool_Check(item) || PyArray_IsScalar(item, Bool)) {
      ++bools;
    } else if (PyLong_Check(item) || PyArray_IsScalar(item, Integer)) {
      ++ints;
    }
  }
  return ints == count || bools == count;
}

bool IsPlainArray(nb::handle array) {
  return PyArray_NDIM(AsArray(array)) == 1 &&
         (PyArray_ISINTEGER(AsArray(array)) || PyArray_ISBOOL(AsArray(array)));
}

bool IsInteger(nb::handle key) {
  return (PyLong_Check(key.ptr()) && !PyBool_Check(key.ptr())) ||
         PyArray_IsScalar(key.ptr(), Integer);
}

nb::object MakeLazyArray() {
  static PyObject* const module_name = PyUnicode_InternFromString("numpack.lazy_array");
  static PyObject* const type_name = PyUnicode_InternFromString("LazyArray");
  // Looked up anew each time: a reloaded module has a type of its own. Not by an import statement's
  // way, which takes half as long as all else that a lazy load does.
  nb::object module = nb::steal(PyImport_GetModule(module_name));
  if (!module.is_valid()) {
    if (PyErr_Occurred() != nullptr) nb::raise_python_error();
    module = nb::module_::import_("numpack.lazy_array");
  }
  nb::object type = nb::steal(PyObject_GetAttr(module.ptr(), type_name));
  if (!type.is_valid()) nb::raise_python_error();
  return nb::inst_alloc(type);
}

template <typename Source>
nb::object NewLazyArrayOf(Source source, nb::object name, nb::object origin) {
  nb::object self = MakeLazyArray();
  new (nb::inst_ptr<LazyBase>(self))
      LazyBase(std::move(source), std::move(name), std::move(origin));
  nb::inst_mark_ready(self);
  return self;
}

// Runs `get(LazyBase&)`, which returns a new reference.
template <typename Get>
PyObject* Guarded(PyObject* self, Get get) {
  LazyBase* const lazy = InstanceOf<LazyBase>(self);
  return lazy == nullptr ? nullptr : CallFromC([&] { return get(*lazy); });
}

// memoryview(lazy): the ndarray's own buffer, which keeps the ndarray and so the mapping.
int GetBuffer(PyObject* self, Py_buffer* buffer, int flags) {
  buffer->obj = nullptr;
  PyObject* const view = Guarded(self, [](LazyBase& lazy) { return lazy.View().release().ptr(); });
  if (view == nullptr) return -1;
  const int result = PyObject_GetBuffer(view, buffer, flags);
  Py_DECREF(view);
  return result;
}

Py_ssize_t Length(PyObject* self) {
  const LazyBase* const lazy = InstanceOf<LazyBase>(self);
  if (lazy == nullptr) return -1;
  if (lazy->rows() >= 0) return static_cast<Py_ssize_t>(lazy->rows());
  PyErr_SetString(PyExc_TypeError, "len() of a 0-d LazyArray");
  return -1;
}

// lazy[key]. What is not quicker here is Python's affair.
PyObject* Subscript(PyObject* self, PyObject* key) {
  PyObject* const rows = Guarded(self, [key](LazyBase& lazy) {
    PyObject* const quick = lazy.QuickRows(key);
    return quick != nullptr ? quick : lazy.Rows(key).release().ptr();
  });
  if (rows != Py_None) return rows;
  Py_DECREF(rows);
  static PyObject* const method = PyUnicode_InternFromString("_index");
  return PyObject_CallMethodObjArgs(self, method, key, nullptr);
}

// Attributes as C has them: a property of nanobind's costs twice the time.

PyObject* GetShape(PyObject* self, void* /*unused*/) {
  const LazyBase* const lazy = InstanceOf<LazyBase>(self);
  return lazy == nullptr ? nullptr : Py_NewRef(lazy->shape().ptr());
}
PyObject* GetDType(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return lazy.dtype().release().ptr(); });
}
PyObject* GetNdim(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return PyLong_FromLong(lazy.ndim()); });
}
PyObject* GetSize(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return PyLong_FromLongLong(lazy.size()); });
}
PyObject* GetItemSize(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return PyLong_FromLongLong(lazy.itemsize()); });
}
PyObject* GetNbytes(PyObject* self, void* /*unused*/) {
  return Guarded(self,
                 [](LazyBase& lazy) { return PyLong_FromLongLong(lazy.size() * lazy.itemsize()); });
}
PyObject* GetView(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return lazy.View().release().ptr(); });
}
PyObject* GetName(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return Py_NewRef(lazy.name().ptr()); });
}
PyObject* GetSource(PyObject* self, void* /*unused*/) {
  return Guarded(self, [](LazyBase& lazy) { return Py_NewRef(lazy.source().ptr()); });
}

PyGetSetDef attributes[] = {
    {"shape", GetShape, nullptr, "Lengths of the axes.", nullptr},
    {"dtype", GetDType, nullptr, "Type of the elements.", nullptr},
    {"ndim", GetNdim, nullptr, "Number of axes.", nullptr},
    {"size", GetSize, nullptr, "Number of elements.", nullptr},
    {"itemsize", GetItemSize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", GetNbytes, nullptr, "Bytes of all elements.", nullptr},
    {"_view", GetView, nullptr, nullptr, nullptr},
    {"_name", GetName, nullptr, nullptr, nullptr},
    {"_source", GetSource, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

LazyBase::LazyBase(LazyArray stored, nb::object name, nb::object source)
    : stored_(std::move(stored)), name_(std::move(name)), source_(std::move(source)) {
  itemsize_ = static_cast<int64_t>(ItemSize(stored_->dtype()));
  SetShape(ShapeTuple(stored_->shape()));
}

LazyBase::LazyBase(nb::object view, nb::object name, nb::object source)
    : view_(std::move(view)), name_(std::move(name)), source_(std::move(source)) {
  itemsize_ = static_cast<int64_t>(PyArray_ITEMSIZE(AsArray(view_)));
  SetShape(view_.attr("shape"));
}

LazyBase::~LazyBase() {
  // The last reference to a stored array may take locks of its store.
  if (stored_.has_value()) WithoutGil([this] { stored_.reset(); });
}

void LazyBase::SetShape(nb::object shape) {
  shape_ = std::move(shape);
  ndim_ = static_cast<int>(NB_TUPLE_GET_SIZE(shape_.ptr()));
  size_ = 1;
  for (int axis = 0; axis < ndim_; ++axis) {
    const int64_t length = PyLong_AsLongLong(NB_TUPLE_GET_ITEM(shape_.ptr(), axis));
    if (axis == 0) rows_ = length;
    size_ *= length;
  }
}

nb::object LazyBase::dtype() const {
  if (stored_.has_value()) return NumpyDType(stored_->dtype());
  return nb::borrow(nb::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(AsArray(view_)))));
}

nb::object LazyBase::View() {
  if (view_.is_valid()) return view_;
  absl::StatusOr<AnyArray> all = WithoutGil([this] { return stored_->View(); });
  nb::object made = ToNdarray(ValueOrRaise(std::move(all)));
  if (!view_.is_valid()) view_ = std::move(made);  // else another thread was faster
  return view_;
}

nb::object LazyBase::ViewRows(int64_t begin, int64_t end) {
  if (!stored_.has_value()) {
    const nb::object slice =
        nb::steal(PySlice_New(nb::int_(begin).ptr(), nb::int_(end).ptr(), nullptr));
    return nb::object(view_[slice]);
  }
  absl::StatusOr<AnyArray> rows =
      WithoutGil([this, begin, end] { return stored_->ViewRows(begin, end); });
  return ToNdarray(ValueOrRaise(std::move(rows)));
}

bool LazyBase::IsUnread() const {
  return !view_.is_valid() && (!stored_->is_mapped() || stored_->info().dropped != nullptr);
}

PyObject* LazyBase::QuickRows(PyObject* key) {
  constexpr int64_t kFewBytes = 4096;
  const bool is_number = PyLong_CheckExact(key);
  if ((!is_number && !PySlice_Check(key)) || rows_ <= 0 || !stored_.has_value() || IsUnread())
    return nullptr;
  Py_ssize_t begin = 0;
  Py_ssize_t count = 1;
  if (is_number) {
    begin = PyLong_AsSsize_t(key);
    if (begin == -1 && PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      return nullptr;
    }
    if (begin < 0) begin += rows_;
    if (begin < 0 || begin >= rows_) return nullptr;
  } else {
    Py_ssize_t end = 0;
    Py_ssize_t step = 1;
    if (PySlice_Unpack(key, &begin, &end, &step) != 0) {
      PyErr_Clear();
      return nullptr;
    }
    if (step != 1) return nullptr;
    count = PySlice_AdjustIndices(rows_, &begin, &end, step);
  }
  const int64_t row_bytes = size_ / rows_ * itemsize_;
  if (row_bytes > kFewBytes || count * row_bytes > kFewBytes) return nullptr;

  PyArrayObject* const all = AsArray(View());
  npy_intp shape[kMaxRank];
  std::copy(PyArray_DIMS(all), PyArray_DIMS(all) + ndim_, shape);
  shape[0] = count;
  const bool keeps_axis = !is_number || ndim_ == 1;  // a row of a 1-D array has shape (1,)
  PyObject* const rows = PyArray_SimpleNew(keeps_axis ? ndim_ : ndim_ - 1,
                                           keeps_axis ? shape : shape + 1, PyArray_TYPE(all));
  if (rows == nullptr) throw nb::python_error();
  std::memcpy(PyArray_DATA(AsArray(rows)), PyArray_BYTES(all) + begin * row_bytes,
              static_cast<size_t>(count * row_bytes));
  return rows;
}

bool LazyBase::TakesHere(nb::handle key) const {
  PyObject* const object = key.ptr();
  if (!stored_.has_value() || ndim_ == 0) return false;
  if (PyArray_Check(object)) return IsPlainArray(key);
  if (PyList_Check(object)) return IsPlainList(key);
  if (PyRange_Check(object)) return true;
  if (PySlice_Check(object)) {
    // NumPy copies rows at a stride as well as we do.
    Py_ssize_t begin = 0;
    Py_ssize_t end = 0;
    Py_ssize_t step = 0;
    return IsUnread() || (PySlice_Unpack(object, &begin, &end, &step) == 0 && step == 1);
  }
  return IsInteger(key) && IsUnread();
}

nb::object LazyBase::Rows(nb::handle key) {
  if (!TakesHere(key)) {
    PyErr_Clear();  // a slice of something else: NumPy's error is the better one
    return nb::none();
  }
  const RowIndex index = RowIndex::Parse(key, RowUse::kGet);
  const nb::object text = name_;  // a str: its UTF-8 lives as long
  Py_ssize_t length = 0;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &length);
  if (utf8 == nullptr) throw nb::python_error();
  const absl::string_view name(utf8, static_cast<size_t>(length));
  absl::StatusOr<AnyArray> rows =
      WithoutGil([&] { return CopyRows(*stored_, name, index, NewNdarray); });
  nb::object result = ToNdarray(ValueOrRaise(std::move(rows)));
  if (ndim_ == 1 || !IsInteger(key)) return result;  // a row of a 1-D array keeps its axis
  return nb::object(result[nb::int_(0)]);
}

nb::object LazyBase::Reshaped(nb::handle shape) {
  if (stored_.has_value() && stored_->info().dropped == nullptr) {
    Shape axes;
    for (const nb::handle axis : nb::borrow<nb::tuple>(shape)) {
      axes.push_back(PyLong_AsLongLong(axis.ptr()));
      if (PyErr_Occurred() != nullptr) throw nb::python_error();
    }
    return NewLazyArrayOf(ValueOrRaise(stored_->Reshaped(axes)), name_, source_);
  }
  return NewLazyArrayOf(nb::object(View().attr("reshape")(shape)), name_, source_);
}

nb::object NewLazyArray(LazyArray stored, nb::object name, nb::object source) {
  return NewLazyArrayOf(std::move(stored), std::move(name), std::move(source));
}

void BindLazy(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(GetBuffer)},
                                {Py_mp_length, reinterpret_cast<void*>(Length)},
                                {Py_mp_subscript, reinterpret_cast<void*>(Subscript)},
                                {Py_tp_getset, attributes},
                                {0, nullptr}};
  nb::class_<LazyBase>(module, "LazyBase", nb::type_slots(slots),
                       "Native half of numpack.LazyArray: a stored array and its name.")
      .def("_rows", &LazyBase::Rows, "key"_a.none())
      .def("_view_rows", &LazyBase::ViewRows, "begin"_a, "end"_a)
      .def("_reshaped", &LazyBase::Reshaped, "shape"_a);
}

}  // namespace numpack::python
