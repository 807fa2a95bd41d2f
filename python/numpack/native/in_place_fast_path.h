// Whether `array OP= other` may run a kernel: where NumPy 1 and NumPy 2 agree with it on the
// result, bit for bit, and on what they warn of. All else is left to NumPy.
//
//   other           taken when
//   Python number   its conversion to the array's dtype is exact or, for floats, rounds as NumPy
//   does,
//                   whatever promotion rules are in force, and raises no warning
//   NumPy scalar    of exactly the array's dtype
//   ndarray         of the array's dtype, aligned, of one element or broadcast to rows of
//   neighbouring
//                   elements; it is the array itself or shares no byte with it
//
// Arrays of float16 and of complex numbers are always left to NumPy.
//
// Floating-point exceptions are reported by NumPy, with its words and as numpy.errstate wants it:
// its own operator is run on a few elements that raise the same ones.
//
// The GIL must be held; it is given up while a kernel runs.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_FAST_PATH_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_FAST_PATH_H_

#include <cstdint>

#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

enum class InPlaceOperator : uint8_t { kAdd, kSubtract, kMultiply, kTrueDivide };

enum class FastPath : uint8_t {
  kDone,      // the array is updated
  kNotTaken,  // nothing was done
  kError,     // a Python exception is set; the array is updated, as NumPy would have it
};

// Arrays of fewer than `min_bytes` are left to NumPy. `is_numpy1`: a NumPy before 2 is loaded.
FastPath TryInPlace(InPlaceOperator op, PyArrayObject* array, PyObject* other, int64_t min_bytes,
                    bool is_numpy1);

// How often a kernel ran.
int64_t InPlaceCount();

// [begin, end): what the array's elements span.
struct MemoryRange {
  const char* begin;
  const char* end;
};
MemoryRange RangeOf(PyArrayObject* array);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_FAST_PATH_H_
