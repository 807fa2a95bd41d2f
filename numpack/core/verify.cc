#include "numpack/core/verify.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/core/legacy_v1_import.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/import.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/recovery.h"

namespace numpack {
namespace {

// What is known of an array must decode, and fit the number of its bytes.
absl::Status CheckStored(const storage::StoredArray& array) {
  storage::Entry entry;  // without an extent: it is not there to be read
  entry.metadata = array.metadata;
  entry.length = array.length;
  const storage::PinnedBytes bytes(nullptr, std::make_shared<const storage::Entry>(entry));
  return InfoOf(array.name, bytes).status();
}

// A directory of NumPack 0.7 has no log to check. One that was cut short while it became a store
// may have segments already, and the beginning of a log; nothing of that is damage.
absl::Status RefuseLegacy(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  if (!LegacyImport()->Recognizes(files)) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(const bool adopted, storage::HasCompleteLog(backend));
  if (adopted) return absl::OkStatus();
  const std::string directory = backend.Describe();
  if (IsLegacyDirectory(files) && absl::c_none_of(files, [](const std::string& name) {
        return absl::StartsWith(name, "segment.");
      })) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " was written by NumPack 0.7: `npk convert ", directory,
                     " NEW` checks it and makes a store of it"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(directory,
                   " was written by NumPack 0.7, and was about to become a store when that was cut "
                   "short: nothing is lost, open it once as somebody who may write"));
}

}  // namespace

absl::StatusOr<VerifyReport> Verify(Backend& backend, const VerifyOptions& options) {
  NUMPACK_RETURN_IF_ERROR(RefuseLegacy(backend));
  return storage::Verify(backend, CheckStored, options);
}

absl::StatusOr<RepairReport> Repair(Backend& from, std::shared_ptr<Backend> to,
                                    const RepairOptions& options) {
  NUMPACK_RETURN_IF_ERROR(RefuseLegacy(from));
  return storage::Repair(from, std::move(to), CheckStored, options);
}

}  // namespace numpack
