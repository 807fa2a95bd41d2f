// The class of large ndarrays that come from a store: in-place operators run our kernels.
//
// A subclass of ndarray that overrides nothing but the in-place operators. What the kernels do not
// do exactly as NumPy does goes to NumPy's own operator (in_place_fast_path.h). New memory and
// small views are plain ndarrays, and so is what is pickled or saved: only an array that was
// loaded, and its large views, are of the class. Below kInPlaceArrayBytes its cost would be felt.
//
// The GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_ARRAY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_ARRAY_H_

#include <nanobind/nanobind.h>

#include <cstdint>

namespace numpack::python {

// Smaller arrays, in bytes, stay plain.
inline constexpr int64_t kInPlaceArrayBytes = int64_t{256} << 10;

// Makes the class, and puts it and what tests need to see of it into the module.
void BindInPlaceArray(nanobind::module_& module);

// Gives an ndarray that nobody else has seen yet the class, if it is large enough.
void MakeInPlaceArray(nanobind::handle ndarray);

// Whether the object is exactly of the class; not of one derived from it, which may redefine
// anything.
bool IsInPlaceArray(nanobind::handle object);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_IN_PLACE_ARRAY_H_
