#include "numpack/core/verify.h"

#include <memory>
#include <utility>

#include "numpack/core/array_metadata.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/pinned_bytes.h"

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

}  // namespace

absl::StatusOr<VerifyReport> Verify(Backend& backend, const VerifyOptions& options) {
  return storage::Verify(backend, CheckStored, options);
}

absl::StatusOr<RepairReport> Repair(Backend& from, std::shared_ptr<Backend> to,
                                    const RepairOptions& options) {
  return storage::Repair(from, std::move(to), CheckStored, options);
}

}  // namespace numpack
