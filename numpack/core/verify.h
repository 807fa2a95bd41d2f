// Verify and Repair: is a store in order, and what can be saved of one that is not?
//
//   auto report = NumPack::Verify("data.npk");
//   for (const Finding& finding : report->findings) ...      // notes, warnings, errors
//   auto saved = NumPack::Repair("data.npk", "saved.npk");    // into a new directory
//
// Verify reads and never writes. It checks the commit log record by record, that every array's
// bytes lie within their file and in nobody else's, and that type, shape and number of bytes agree.
// Arrays that carry a checksum (StoreOptions::checksum) it reads, and compares; VerifyOptions can
// leave that out. It needs nobody to close the store, but keeps writers waiting while it looks at
// an open one.
//
// Repair reads a damaged store that nobody has open, and makes a fresh one of the arrays that check
// out. It says which arrays it saved, which of these deserve a look, and which are lost. One whose
// contents do not match their checksum is saved, and deserves a look.
#ifndef NUMPACK_CORE_VERIFY_H_
#define NUMPACK_CORE_VERIFY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/finding.h"  // IWYU pragma: export
#include "numpack/storage/repair.h"   // IWYU pragma: export
#include "numpack/storage/verify.h"   // IWYU pragma: export

namespace numpack {

using Finding = storage::Finding;
using Severity = storage::Severity;
using VerifyOptions = storage::VerifyOptions;
using VerifyReport = storage::VerifyReport;
using RepairOptions = storage::RepairOptions;
using RepairReport = storage::RepairReport;

// Errors: storage/verify.h, storage/repair.h; FailedPrecondition for a directory of NumPack 0.7
// that has not become a store yet.
absl::StatusOr<VerifyReport> Verify(Backend& backend, const VerifyOptions& options = {});
absl::StatusOr<RepairReport> Repair(Backend& from, std::shared_ptr<Backend> to,
                                    const RepairOptions& options = {});

}  // namespace numpack

#endif  // NUMPACK_CORE_VERIFY_H_
