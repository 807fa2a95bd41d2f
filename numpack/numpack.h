// NumPack: named n-dimensional arrays in a directory, and two fast ways to change them.
//
//   auto store = numpack::NumPack::Open("data.npk");               // StatusOr<NumPack>
//   store->Save("w", numpack::MakeView(values, {1000, 100}));      // one commit
//
//   auto batch = store->BeginBatch();                              // changes in memory, one commit
//   auto w = batch->Load<float>("w");
//   numpack::InPlace(*w).Multiply(1.1f).Run();
//   batch->Save("w", *w);
//   batch->Commit();
//
//   auto writable = store->BeginWritable();                        // views of the files themselves
//   auto v = writable->Load<float>("w");
//   numpack::InPlace(*v).Add(1.0f).Run();
//   writable->Finish();
//
//   auto writer = numpack::ArrayWriter::Begin(*store);             // an array larger than memory
//   writer->Start("big", numpack::DType::kFloat32, {1000000, 100});
//   writer->Write(piece);                                          // until all its bytes have come
//   writer->Commit();
//
// Nothing throws, exits or aborts: every fallible call returns absl::Status or absl::StatusOr.
#ifndef NUMPACK_NUMPACK_H_
#define NUMPACK_NUMPACK_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"       // IWYU pragma: export
#include "numpack/base/mode_error.h"        // IWYU pragma: export
#include "numpack/batch/batch.h"            // IWYU pragma: export
#include "numpack/batch/recommend_mode.h"   // IWYU pragma: export
#include "numpack/batch/writable_batch.h"   // IWYU pragma: export
#include "numpack/core/array_store.h"       // IWYU pragma: export
#include "numpack/core/array_writer.h"      // IWYU pragma: export
#include "numpack/core/legacy_v1_export.h"  // IWYU pragma: export
#include "numpack/core/vacuum.h"            // IWYU pragma: export
#include "numpack/core/verify.h"            // IWYU pragma: export
#include "numpack/kernels/in_place.h"       // IWYU pragma: export

namespace numpack {

// A handle on a store: everything of ArrayStore, and the batch modes. Move-only.
class NumPack : public ArrayStore {
 public:
  // Opens the store in the directory `path` (UTF-8), making directory and store when absent.
  // Errors: ArrayStore::Open; FailedPrecondition when `path` is a file.
  static absl::StatusOr<NumPack> Open(const std::string& path, const StoreOptions& options = {});
  // In a backend of the caller's.
  static absl::StatusOr<NumPack> Open(std::shared_ptr<Backend> backend,
                                      const StoreOptions& options = {});

  // Makes every open handle of this process on the store at `path` fail with FailedPrecondition
  // from now on, so that the directory can be removed or replaced without one of them writing to
  // it. OK when there is none.
  static absl::Status Abandon(const std::string& path);

  // Writes all arrays into the directory `path`, which is made when absent and must be empty, in a
  // form that NumPack 0.7 opens. Errors: core/legacy_v1_export.h.
  absl::Status ExportV1(const std::string& path, const ExportV1Options& options = {});

  // Gives back to the file system what the store does not need: core/vacuum.h. Readers go on.
  // FailedPrecondition (IsModeError) while a batch is active on this handle.
  absl::StatusOr<VacuumReport> Vacuum(const VacuumOptions& options = {});

  // Checks the store at `path` without changing it: verify.h. NotFound when there is none.
  static absl::StatusOr<VerifyReport> Verify(const std::string& path,
                                             const VerifyOptions& options = {});
  // Saves what checks out of the damaged store at `from` into a new one at `to`.
  static absl::StatusOr<RepairReport> Repair(const std::string& from, const std::string& to,
                                             const RepairOptions& options = {});

  NumPack(NumPack&&) noexcept;
  NumPack& operator=(NumPack&&) noexcept;
  ~NumPack();

  // One batch mode at a time for each handle: a batch begun while one of the same kind is active
  // joins it, and its options are ignored; FailedPrecondition (IsModeError) while one of the other
  // kind is active, and for an atomic one within one that is not.
  absl::StatusOr<Batch> BeginBatch(BatchOptions options = {});
  absl::StatusOr<WritableBatch> BeginWritable(WritableBatchOptions options = {});

  // Which of the two suits a stored array, by its size and the memory of this machine: see
  // recommend_mode.h.
  absl::StatusOr<Recommendation> RecommendMode(absl::string_view name,
                                               bool shape_change = false) const;

 private:
  struct Modes;
  explicit NumPack(ArrayStore store);

  std::unique_ptr<Modes> modes_;
};

}  // namespace numpack

#endif  // NUMPACK_NUMPACK_H_
