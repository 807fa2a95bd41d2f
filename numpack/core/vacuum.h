// Vacuum: gives back to the file system what a store does not need. What it does, and what it
// promises: storage/vacuum.h.
#ifndef NUMPACK_CORE_VACUUM_H_
#define NUMPACK_CORE_VACUUM_H_

#include "absl/status/statusor.h"
#include "numpack/core/array_store.h"
#include "numpack/storage/vacuum.h"  // IWYU pragma: export

namespace numpack {

using VacuumOptions = storage::VacuumOptions;
using VacuumReport = storage::VacuumReport;

// Unavailable when the writer's lock is not to be had in time; ResourceExhausted when there is no
// room for what is copied; others as the backend gives them. Arrays are whole whatever happens.
absl::StatusOr<VacuumReport> Vacuum(ArrayStore& store, const VacuumOptions& options = {});

}  // namespace numpack

#endif  // NUMPACK_CORE_VACUUM_H_
