// The one place where a Status becomes a Python exception.
//
//   InvalidArgument, AlreadyExists     ValueError
//   NotFound                           ArrayNotFoundError
//   OutOfRange                         IndexOutOfRangeError
//   FailedPrecondition                 BatchModeError if IsModeError, else RuntimeError
//   Aborted                            BatchModeError
//   Unavailable                        StoreLockedError
//   DataLoss                           CorruptStoreError
//   ResourceExhausted                  MemoryError
//   any with an errno, if not Unavailable   StoreIOError, and FileNotFoundError etc. by the errno
//   others                             RuntimeError
//   PythonError                        the type it names
//
// The types are those of numpack/errors.py.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_STATUS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_STATUS_H_

#include <nanobind/nanobind.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace numpack::python {

// A status that becomes the exception type of that name, of numpack.errors or a built-in one. It
// lets code that runs without the GIL choose an exception.
absl::Status PythonError(absl::string_view type, absl::string_view message);

// Throws the exception for `status`, which must not be OK. The GIL must be held.
[[noreturn]] void Raise(const absl::Status& status);

inline void Check(const absl::Status& status) {
  if (!status.ok()) Raise(status);
}

template <typename T>
T ValueOrRaise(absl::StatusOr<T> result) {
  if (!result.ok()) Raise(result.status());
  return *std::move(result);
}

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_STATUS_H_
