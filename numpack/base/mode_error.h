// Misuse of the batch modes, told apart from the other things that are FailedPrecondition.
//
// FailedPrecondition also says that a handle is of no use any more: closed, abandoned, inherited by
// a forked child. A caller who began a batch at the wrong time ends another one first; a caller
// whose handle is gone opens the store again. Bindings make different exceptions of the two.
#ifndef NUMPACK_BASE_MODE_ERROR_H_
#define NUMPACK_BASE_MODE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace numpack {

// A FailedPrecondition that says so.
absl::Status ModeError(absl::string_view message);

// `status` itself, marked when it is a FailedPrecondition; for failures of a layer below that can
// mean nothing else here.
absl::Status AsModeError(absl::Status status);

bool IsModeError(const absl::Status& status);

}  // namespace numpack

#endif  // NUMPACK_BASE_MODE_ERROR_H_
