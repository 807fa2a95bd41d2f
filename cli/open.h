// Opening what the command line names.
#ifndef NUMPACK_CLI_OPEN_H_
#define NUMPACK_CLI_OPEN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/numpack.h"

namespace numpack::cli {

// A directory that is there. NotFound and FailedPrecondition say what to do.
absl::StatusOr<std::shared_ptr<Backend>> OpenDirectory(const std::string& path);

// Whether NumPack 0.7 wrote it.
absl::StatusOr<bool> IsLegacy(Backend& backend);

// The store in it. NotFound when there is none. Commands that change nothing open it for reading
// only, whoever may do more.
absl::StatusOr<NumPack> OpenStore(std::shared_ptr<Backend> backend, bool read_only = true);

absl::Status NoSuchArray(const std::string& name, const std::string& path);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_OPEN_H_
