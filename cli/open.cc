#include "cli/open.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"

namespace numpack::cli {

absl::StatusOr<std::shared_ptr<Backend>> OpenDirectory(const std::string& path) {
  auto backend = OpenNativeBackend(path, /*create_directory=*/false);
  if (absl::IsNotFound(backend.status()))
    return absl::NotFoundError(absl::StrCat("there is no directory ", path, ": check the path"));
  return backend;
}

absl::StatusOr<bool> IsLegacy(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  return IsLegacyDirectory(files);
}

absl::StatusOr<NumPack> OpenStore(std::shared_ptr<Backend> backend, bool read_only) {
  // Looked for first, to say what is missing.
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend->List());
  const bool is_store = std::any_of(files.begin(), files.end(), [](const std::string& name) {
    return absl::StartsWith(name, "log.") || absl::StartsWith(name, "segment.");
  });
  if (!is_store) {
    return absl::NotFoundError(absl::StrCat(
        backend->Describe(), " is a directory without a store: it has no log.<number>"));
  }
  StoreOptions options;
  options.read_only = read_only;
  return NumPack::Open(std::move(backend), options);
}

absl::Status NoSuchArray(const std::string& name, const std::string& path) {
  return absl::NotFoundError(
      absl::StrCat("there is no array '", name, "' in ", path, ": `npk ls` lists what there is"));
}

}  // namespace numpack::cli
