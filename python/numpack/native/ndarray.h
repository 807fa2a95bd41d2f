// numpy.ndarray <-> the library's arrays.
//
// Unless noted the GIL must be held.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_H_

#include <nanobind/nanobind.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/view.h"
#include "python/numpack/native/numpy_dtype.h"  // IWYU pragma: export

namespace numpack::python {

bool IsNdarray(nanobind::handle object);

// Checks a value given for the array `name` and returns it as an ndarray of the machine's byte
// order: the same object, or a converted copy. TypeError for anything but an ndarray, ValueError
// for an unsupported dtype.
nanobind::object CheckedNdarray(nanobind::handle value, absl::string_view name);

// The elements of an ndarray that CheckedNdarray has passed. Valid as long as the ndarray.
ArrayView ViewOf(nanobind::handle ndarray);

// Something that, while it lives, keeps ndarray.resize() from moving the elements of `ndarray`,
// which other threads could call while we read them without the GIL.
nanobind::object Pin(nanobind::handle ndarray);

// The same with a reference to the ndarray in it: it can be kept, and taken apart again with
// ToNdarray. While it lives the ndarray cannot be resized.
AnyArray Share(nanobind::handle ndarray);

// The ndarray for an array of the library: the very object, when the array came from Share or
// NewNdarray, else a new ndarray over the same memory, which keeps `array` alive and is writable if
// that is.
nanobind::object ToNdarray(AnyArray array);

// An ArrayFactory that makes ndarrays. To be called without the GIL, which it takes.
absl::StatusOr<AnyArray> NewNdarray(DType dtype, absl::Span<const int64_t> shape);

// The same where memory counts: large blocks that lie idle, but for the one that it takes, go back
// to the system before there is anything in the new one.
absl::StatusOr<AnyArray> NewNdarrayAlone(DType dtype, absl::Span<const int64_t> shape);

void MakeReadOnly(nanobind::handle ndarray);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_NDARRAY_H_
