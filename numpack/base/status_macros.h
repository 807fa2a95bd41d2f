// Early return on a Status, as every fallible function here does it.
#ifndef NUMPACK_BASE_STATUS_MACROS_H_
#define NUMPACK_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"    // IWYU pragma: keep
#include "absl/status/statusor.h"  // IWYU pragma: keep

// Returns the status of `expression` (an absl::Status) unless it is OK.
#define NUMPACK_RETURN_IF_ERROR(expression)                                                      \
  do {                                                                                           \
    if (absl::Status numpack_status = (expression); !numpack_status.ok()) return numpack_status; \
  } while (false)

// Assigns the value of `expression` (an absl::StatusOr) to `target`, a declaration or an lvalue, or
// returns its status.
#define NUMPACK_ASSIGN_OR_RETURN(target, expression) \
  NUMPACK_ASSIGN_OR_RETURN_(NUMPACK_CONCAT_(numpack_status_or_, __LINE__), target, expression)

#define NUMPACK_ASSIGN_OR_RETURN_(temporary, target, expression) \
  auto temporary = (expression);                                 \
  if (!temporary.ok()) return std::move(temporary).status();     \
  target = *std::move(temporary)
#define NUMPACK_CONCAT_(a, b) NUMPACK_CONCAT_INNER_(a, b)
#define NUMPACK_CONCAT_INNER_(a, b) a##b

#endif  // NUMPACK_BASE_STATUS_MACROS_H_
