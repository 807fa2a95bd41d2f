#include "numpack/numpack.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/without_mappings.h"
#include "numpack/base/mode_error.h"
#include "numpack/base/status_macros.h"
#include "numpack/batch/batch_state.h"
#include "numpack/batch/writable_batch_state.h"
#include "numpack/native_backend.h"

namespace numpack {

// The batch that is active on a handle, if any. Batches keep themselves alive.
struct NumPack::Modes {
  absl::Mutex mu;
  std::weak_ptr<BatchState> batch ABSL_GUARDED_BY(mu);
  std::weak_ptr<WritableBatchState> writable ABSL_GUARDED_BY(mu);
};

namespace {

// The state that is still active.
template <typename State>
std::shared_ptr<State> Active(const std::weak_ptr<State>& weak) {
  std::shared_ptr<State> state = weak.lock();
  return state != nullptr && state->active() ? state : nullptr;
}

absl::Status Mixed(const char* active, const char* wanted) {
  return ModeError(absl::StrCat("a ", active,
                                " is active on this handle: end it before beginning a ", wanted,
                                ", or use a second handle on the store"));
}

}  // namespace

absl::StatusOr<NumPack> NumPack::Open(const std::string& path, const StoreOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend,
                           OpenNativeBackend(path, options.create && !options.read_only));
  if (options.mappings && !backend->capabilities().mappings && options.on_warning != nullptr) {
    options.on_warning(absl::StrCat("the file system of ", path,
                                    " maps no files: the store is used without mappings, so views "
                                    "and writable arrays are copies"));
  }
  return Open(std::move(backend), options);
}

absl::StatusOr<NumPack> NumPack::Open(std::shared_ptr<Backend> backend,
                                      const StoreOptions& options) {
  if (!options.mappings) backend = WithoutMappings(std::move(backend));
  NUMPACK_ASSIGN_OR_RETURN(ArrayStore store, ArrayStore::Open(std::move(backend), options));
  return NumPack(std::move(store));
}

absl::Status NumPack::Abandon(const std::string& path) {
  absl::StatusOr<std::shared_ptr<Backend>> backend =
      OpenNativeBackend(path, /*create_directory=*/false);
  if (absl::IsNotFound(backend.status())) return absl::OkStatus();
  if (!backend.ok()) return backend.status();
  ArrayStore::Abandon(**backend);
  return absl::OkStatus();
}

absl::Status NumPack::ExportV1(const std::string& path, const ExportV1Options& options) {
  if (!is_open())
    return absl::FailedPreconditionError("the store is not opened or has been closed");
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> target,
                           OpenNativeBackend(path, /*create_directory=*/true));
  return numpack::ExportV1(*this, *target, options);
}

absl::StatusOr<VacuumReport> NumPack::Vacuum(const VacuumOptions& options) {
  if (!is_open())
    return absl::FailedPreconditionError("the store is not opened or has been closed");
  {
    absl::MutexLock lock(&modes_->mu);
    if (Active(modes_->batch) != nullptr)
      return ModeError("a batch is active on this handle: end it before vacuum");
  }
  return numpack::Vacuum(*this, options);
}

absl::StatusOr<VerifyReport> NumPack::Verify(const std::string& path,
                                             const VerifyOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend,
                           OpenNativeBackend(path, /*create_directory=*/false));
  return numpack::Verify(*backend, options);
}

absl::StatusOr<RepairReport> NumPack::Repair(const std::string& from, const std::string& to,
                                             const RepairOptions& options) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> source,
                           OpenNativeBackend(from, /*create_directory=*/false));
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> target,
                           OpenNativeBackend(to, /*create_directory=*/true));
  return numpack::Repair(*source, std::move(target), options);
}

NumPack::NumPack(ArrayStore store)
    : ArrayStore(std::move(store)), modes_(std::make_unique<Modes>()) {}
NumPack::NumPack(NumPack&&) noexcept = default;
NumPack& NumPack::operator=(NumPack&&) noexcept = default;
NumPack::~NumPack() = default;

absl::StatusOr<Batch> NumPack::BeginBatch(BatchOptions options) {
  absl::MutexLock lock(&modes_->mu);
  if (Active(modes_->writable) != nullptr) return Mixed("writable batch", "batch");
  std::shared_ptr<BatchState> state = modes_->batch.lock();
  if (state != nullptr && state->Join().ok()) return Batch(std::move(state));
  // There is none, or it has ended: perhaps just now, in another thread.
  NUMPACK_ASSIGN_OR_RETURN(ArrayStore handle, Duplicate());
  state = std::make_shared<BatchState>(std::move(handle), std::move(options));
  modes_->batch = state;
  NUMPACK_RETURN_IF_ERROR(state->Join());
  return Batch(std::move(state));
}

absl::StatusOr<WritableBatch> NumPack::BeginWritable(WritableBatchOptions options) {
  absl::MutexLock lock(&modes_->mu);
  if (Active(modes_->batch) != nullptr) return Mixed("batch", "writable batch");
  std::shared_ptr<WritableBatchState> state = modes_->writable.lock();
  if (options.atomic && state != nullptr && state->active() && !state->atomic())
    return Mixed("writable batch that is not atomic", "atomic one");
  if (state != nullptr && state->Join().ok()) return WritableBatch(std::move(state));
  // There is none, or it has ended: perhaps just now, in another thread.
  NUMPACK_ASSIGN_OR_RETURN(ArrayStore handle, Duplicate());
  state = std::make_shared<WritableBatchState>(std::move(handle), options);
  modes_->writable = state;
  NUMPACK_RETURN_IF_ERROR(state->Join());
  return WritableBatch(std::move(state));
}

absl::StatusOr<Recommendation> NumPack::RecommendMode(absl::string_view name,
                                                      bool shape_change) const {
  NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, Info(name));
  return numpack::RecommendMode(static_cast<uint64_t>(info.nbytes), shape_change);
}

}  // namespace numpack
