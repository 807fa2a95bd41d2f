// Numbers beside an array, as elements of its dtype.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_NUMBER_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_NUMBER_H_

#include <cstddef>
#include <cstring>
#include <optional>

#include "numpack/core/dtype.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

// One element of any dtype.
struct Element {
  alignas(16) std::byte bytes[16];
  template <typename T>
  static Element Of(T value) {
    Element element{};
    std::memcpy(element.bytes, &value, sizeof(value));
    return element;
  }
};

// What NumPy 1 and NumPy 2 compute with when `object` stands beside an array of the dtype: nothing
// where they convert it to another dtype, differ, or may warn of the conversion. The GIL must be
// held; no exception is set.
std::optional<Element> FromNumber(PyObject* object, PyArrayObject* array, DType dtype);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_NUMBER_H_
