#include "python/numpack/arithmetic/rows.h"

#include <cstdint>

#include "absl/container/inlined_vector.h"

namespace numpack::python {
namespace {

// An array beside the one that is updated. Strides in bytes.
struct Beside {
  int64_t row_stride = 0;  // 0: the same for all rows
  bool is_column = false;  // one value for each row, instead of one for each element
};

// The stride of `other`, broadcast to `array`, along an axis of `array`. False if it has another
// length there.
bool BroadcastStride(PyArrayObject* array, PyArrayObject* other, int axis, npy_intp* stride) {
  *stride = 0;
  const int own_axis = axis - (PyArray_NDIM(array) - PyArray_NDIM(other));
  if (own_axis < 0) return true;
  const npy_intp length = PyArray_DIM(other, own_axis);
  if (length == 1) return true;
  *stride = PyArray_STRIDE(other, own_axis);
  return length == PyArray_DIM(array, axis);
}

Operand OperandOf(const Beside& beside, const RowSpan& target, const void* data) {
  if (beside.is_column) {
    return beside.row_stride == 0 ? Operand::Scalars(data)
                                  : Operand::Column(data, target.rows, beside.row_stride);
  }
  if (target.rows == 1) return Operand::Array(data, target.row_elements);
  return beside.row_stride == 0
             ? Operand::Row(data, target.row_elements)
             : Operand::Rows(data, target.rows, target.row_elements, beside.row_stride);
}

}  // namespace

bool FoldIntoRows(PyArrayObject* array, PyArrayObject* const* others, size_t count, RowSpan* target,
                  Operand* operands) {
  const int rank = PyArray_NDIM(array);
  const npy_intp item = PyArray_ITEMSIZE(array);
  const bool fortran = PyArray_IS_F_CONTIGUOUS(array) && !PyArray_IS_C_CONTIGUOUS(array);
  *target = {reinterpret_cast<std::byte*>(PyArray_BYTES(array)), 1, 1, 0};
  absl::InlinedVector<Beside, 4> beside(count);
  absl::InlinedVector<npy_intp, 4> strides(count);
  for (size_t i = 0; i < count; ++i) {
    if (others[i] != nullptr && PyArray_NDIM(others[i]) > rank) return false;
  }
  bool any = false;    // an axis is part of a row already
  bool whole = false;  // a row is complete
  for (int k = 0; k < rank; ++k) {
    const int axis = fortran ? k : rank - 1 - k;
    const npy_intp length = PyArray_DIM(array, axis);
    const npy_intp stride = PyArray_STRIDE(array, axis);
    for (size_t i = 0; i < count; ++i) {
      if (others[i] != nullptr && !BroadcastStride(array, others[i], axis, &strides[i]))
        return false;
    }
    if (length == 1) continue;
    if (!whole) {
      const npy_intp next = target->row_elements * item;
      bool goes_on = stride == next;
      for (size_t i = 0; i < count; ++i) {
        if (others[i] == nullptr) continue;
        if (!any) beside[i].is_column = strides[i] == 0;
        goes_on = goes_on && strides[i] == (beside[i].is_column ? 0 : next);
      }
      if (goes_on) {
        target->row_elements *= length;
        any = true;
        continue;
      }
      if (!any) return false;  // not even two neighbours
      whole = true;
      target->rows = length;
      target->stride = stride;
      for (size_t i = 0; i < count; ++i) beside[i].row_stride = strides[i];
    } else {
      if (stride != target->rows * target->stride) return false;
      for (size_t i = 0; i < count; ++i) {
        if (others[i] != nullptr && strides[i] != target->rows * beside[i].row_stride) return false;
      }
      target->rows *= length;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (others[i] != nullptr) operands[i] = OperandOf(beside[i], *target, PyArray_DATA(others[i]));
  }
  return true;
}

MemoryRange RangeOf(PyArrayObject* array) {
  const char* begin = PyArray_BYTES(array);
  const char* end = begin + PyArray_ITEMSIZE(array);
  for (int axis = 0; axis < PyArray_NDIM(array); ++axis) {
    if (PyArray_DIM(array, axis) == 0) return {begin, begin};
    const npy_intp reach = (PyArray_DIM(array, axis) - 1) * PyArray_STRIDE(array, axis);
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

bool SameElements(PyArrayObject* a, PyArrayObject* b) {
  return PyArray_BYTES(a) == PyArray_BYTES(b) && PyArray_NDIM(a) == PyArray_NDIM(b) &&
         PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a)) != 0 &&
         PyArray_CompareLists(PyArray_STRIDES(a), PyArray_STRIDES(b), PyArray_NDIM(a)) != 0;
}

bool AreApart(PyArrayObject* a, PyArrayObject* b) {
  const MemoryRange x = RangeOf(a);
  const MemoryRange y = RangeOf(b);
  return x.end <= y.begin || y.end <= x.begin;
}

bool IsUsable(PyArrayObject* array) {
  return PyArray_CHKFLAGS(array, NPY_ARRAY_ALIGNED) && PyArray_ISNOTSWAPPED(array);
}

}  // namespace numpack::python
