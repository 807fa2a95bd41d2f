#include "python/numpack/native/rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/numpy_api.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

constexpr int64_t kFarOutside = std::numeric_limits<int64_t>::max();

[[noreturn]] void RaiseNoIndex(nb::handle indexes, RowUse use) {
  switch (use) {
    case RowUse::kGet:
      break;
    case RowUse::kReplace:
      Raise(PythonError(
          "ValueError",
          "The indexes must be int or list or numpy.ndarray or slice (or tuple or range)"));
    case RowUse::kDrop:
      Raise(PythonError("ValueError",
                        "The indexes must be int, list, tuple, numpy.ndarray or slice."));
  }
  Raise(PythonError("TypeError",
                    absl::StrCat("row indexes must be integers, a slice, or a sequence or "
                                 "array of integers or bools, not ",
                                 nb::inst_name(indexes).c_str())));
}

// An integer, clipped to 64 bits: no array has that many rows. TypeError unless `object` has
// __index__.
int64_t ToInteger(nb::handle object) {
  const Py_ssize_t value = PyNumber_AsSsize_t(object.ptr(), nullptr);
  if (value == -1 && PyErr_Occurred()) throw nb::python_error();
  return value;
}

// bool and numpy.bool_.
bool IsBool(nb::handle object) {
  return PyBool_Check(object.ptr()) || PyArray_IsScalar(object.ptr(), Bool);
}

PyArrayObject* AsArray(nb::handle ndarray) {
  return reinterpret_cast<PyArrayObject*>(ndarray.ptr());
}

// The array with contiguous elements of NumPy's type `type`.
nb::object Cast(nb::handle array, int type) {
  PyObject* cast = PyArray_FromArray(AsArray(array), PyArray_DescrFromType(type),
                                     NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST);
  if (cast == nullptr) throw nb::python_error();
  return nb::steal(cast);
}

// The places of the ones among zeros and ones.
std::vector<int64_t> RowsOfMask(const std::vector<uint8_t>& selected) {
  int64_t count = 0;
  for (const uint8_t one : selected) count += one;
  // One more: the loop writes before it knows whether the place counts, which is quicker than to
  // ask.
  std::vector<int64_t> rows(static_cast<size_t>(count) + 1);
  size_t found = 0;
  const size_t size = selected.size();
  for (size_t i = 0; i < size;) {
    uint64_t word = 0;
    if (i + sizeof(word) <= size) {
      std::memcpy(&word, selected.data() + i, sizeof(word));
      if (word == 0) {
        i += sizeof(word);
        continue;
      }
    }
    for (const size_t end = std::min(i + sizeof(word), size); i < end; ++i) {
      rows[found] = static_cast<int64_t>(i);
      found += selected[i];
    }
  }
  rows.pop_back();
  return rows;
}

}  // namespace

RowIndex RowIndex::Parse(nb::handle indexes, RowUse use) {
  return RowIndex(ParseForm(indexes, use), use);
}

RowIndex::Form RowIndex::ParseForm(nb::handle indexes, RowUse use) {
  PyObject* object = indexes.ptr();
  if (PySlice_Check(object)) {
    Slice slice;
    if (PySlice_Unpack(object, &slice.start, &slice.stop, &slice.step) != 0)
      throw nb::python_error();
    return slice;
  }
  if (PyArray_Check(object) && PyArray_NDIM(AsArray(indexes)) > 0) return ParseArray(indexes);
  if (PyList_Check(object) || PyTuple_Check(object) || PyRange_Check(object))
    return ParseSequence(indexes);
  if (PyIndex_Check(object)) {
    // A 0-d float array has __index__ too, and refuses when asked.
    const Py_ssize_t value = PyNumber_AsSsize_t(object, nullptr);
    if (value != -1 || !PyErr_Occurred()) return List{value};
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw nb::python_error();
    PyErr_Clear();
  }
  RaiseNoIndex(indexes, use);
}

RowIndex::Form RowIndex::ParseArray(nb::handle indexes) {
  PyArrayObject* array = AsArray(indexes);
  if (PyArray_NDIM(array) != 1) {
    Raise(PythonError("TypeError",
                      absl::StrCat("row indexes must have one axis, not ", PyArray_NDIM(array))));
  }
  const auto count = static_cast<size_t>(PyArray_SIZE(array));
  if (PyArray_ISBOOL(array)) {
    const nb::object cast = Cast(indexes, NPY_BOOL);
    const auto* selected = static_cast<const npy_bool*>(PyArray_DATA(AsArray(cast)));
    return Mask{std::vector<uint8_t>(selected, selected + count)};
  }
  if (count == 0) return List{};  // whatever the dtype: numpy.array([]) is float64
  if (!PyArray_ISINTEGER(array)) {
    const nb::str dtype(nb::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array))));
    Raise(PythonError(
        "TypeError",
        absl::StrCat("row indexes must be an array of integers or bools, not ", dtype.c_str())));
  }
  if (!PyArray_ISUNSIGNED(array)) {
    const nb::object cast = Cast(indexes, NPY_INT64);
    const auto* rows = static_cast<const int64_t*>(PyArray_DATA(AsArray(cast)));
    return List(rows, rows + count);
  }
  const nb::object cast = Cast(indexes, NPY_UINT64);
  const auto* rows = static_cast<const uint64_t*>(PyArray_DATA(AsArray(cast)));
  List list(count);
  for (size_t i = 0; i < count; ++i) {
    list[i] =
        rows[i] > static_cast<uint64_t>(kFarOutside) ? kFarOutside : static_cast<int64_t>(rows[i]);
  }
  return list;
}

RowIndex::Form RowIndex::ParseSequence(nb::handle indexes) {
  // A tuple of its own: __index__ of an item is Python code, and may change a list.
  const nb::object items = nb::steal(PySequence_Tuple(indexes.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  const Py_ssize_t count = NB_TUPLE_GET_SIZE(items.ptr());
  Py_ssize_t bools = 0;
  for (Py_ssize_t i = 0; i < count; ++i) bools += IsBool(NB_TUPLE_GET_ITEM(items.ptr(), i)) ? 1 : 0;
  if (count > 0 && bools == count) {
    Mask mask;
    mask.selected.reserve(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
      mask.selected.push_back(PyObject_IsTrue(NB_TUPLE_GET_ITEM(items.ptr(), i)) == 1 ? 1 : 0);
    }
    return mask;
  }
  List list;
  list.reserve(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    list.push_back(ToInteger(NB_TUPLE_GET_ITEM(items.ptr(), i)));
  return list;
}

bool RowIndex::IsEmptyList() const {
  const auto* list = std::get_if<List>(&form_);
  return list != nullptr && list->empty();
}

bool RowIndex::IsRange() const {
  const auto* slice = std::get_if<Slice>(&form_);
  return slice != nullptr && slice->step == 1;
}

RowIndex::Range RowIndex::ResolveRange(int64_t n) const {
  Slice slice = std::get<Slice>(form_);
  const Py_ssize_t count = PySlice_AdjustIndices(n, &slice.start, &slice.stop, slice.step);
  return {slice.start, slice.start + count};
}

absl::StatusOr<std::vector<int64_t>> RowIndex::Resolve(absl::string_view name, int64_t n) const {
  std::vector<int64_t> rows;
  if (const auto* slice = std::get_if<Slice>(&form_)) {
    Slice adjusted = *slice;
    const Py_ssize_t count =
        PySlice_AdjustIndices(n, &adjusted.start, &adjusted.stop, adjusted.step);
    rows.reserve(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) rows.push_back(adjusted.start + i * adjusted.step);
    return rows;
  }
  if (const auto* mask = std::get_if<Mask>(&form_)) {
    if (static_cast<int64_t>(mask->selected.size()) != n) {
      return absl::OutOfRangeError(absl::StrCat("a mask of ", mask->selected.size(),
                                                " values does not fit array '", name, "' of ", n,
                                                " rows"));
    }
    return RowsOfMask(mask->selected);
  }
  const auto& list = std::get<List>(form_);
  rows.reserve(list.size());
  for (const int64_t index : list) {
    if (index >= -n && index < n) {
      rows.push_back(index < 0 ? index + n : index);
    } else if (use_ != RowUse::kDrop) {
      return absl::OutOfRangeError(absl::StrCat("row index ", index, " is out of range for array '",
                                                name, "' of ", n, " rows"));
    }
  }
  return rows;
}

absl::StatusOr<AnyArray> CopyRows(const LazyArray& lazy, absl::string_view name,
                                  const RowIndex& index, const ArrayFactory& factory) {
  if (lazy.shape().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("array '", name, "' is 0-d: it has no rows"));
  }
  const int64_t n = lazy.shape()[0];
  if (index.IsRange()) {
    const RowIndex::Range range = index.ResolveRange(n);
    return lazy.LoadRange(range.begin, range.end, factory);
  }
  if (const std::vector<int64_t>* list = index.AsList(); list != nullptr) {
    absl::StatusOr<AnyArray> rows = lazy.LoadRows(*list, factory);
    if (!absl::IsOutOfRange(rows.status())) return rows;  // else Resolve says which array
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, index.Resolve(name, n));
  return lazy.LoadRows(rows, factory);
}

}  // namespace numpack::python
