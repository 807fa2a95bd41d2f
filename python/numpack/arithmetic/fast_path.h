// Whether `array OP= other` may run a kernel: where NumPy 1 and NumPy 2 agree with it on the
// result, bit for bit, and on what they warn of. All else is left to NumPy.
//
//   other           taken when
//   Python number   its conversion to the array's dtype is exact or, for floats, rounds as NumPy
//                   does, whatever promotion rules are in force, and raises no warning
//   NumPy scalar    of exactly the array's dtype
//   ndarray         of the array's dtype, aligned, of one element or broadcast to rows of
//                   neighbouring elements; it is the array itself or shares no byte with it
//
// Powers are taken of integers, and the squares of floats (`**= 2`): NumPy has other ones from the
// C library. Left to NumPy are float16, whose exceptions it raises in another way, and all but sums
// and differences of complex numbers, whose products it fuses on some machines.
//
// The GIL must be held; it is given up while a kernel runs.
#ifndef NUMPACK_PYTHON_NUMPACK_ARITHMETIC_FAST_PATH_H_
#define NUMPACK_PYTHON_NUMPACK_ARITHMETIC_FAST_PATH_H_

#include <cstdint>

#include "python/numpack/arithmetic/operators.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

enum class FastPath : uint8_t {
  kDone,      // the array is updated
  kNotTaken,  // nothing was done
  kError,     // a Python exception is set; the array is updated, as NumPy would have it
};

// Arrays of fewer than `min_bytes` are left to NumPy.
FastPath TryInPlace(const InPlaceOperator& op, PyArrayObject* array, PyObject* other,
                    int64_t min_bytes);

// How often a kernel ran.
int64_t InPlaceCount();

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_ARITHMETIC_FAST_PATH_H_
