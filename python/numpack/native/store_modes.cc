// The two batch modes.

#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/status.h"
#include "python/numpack/native/store.h"

namespace numpack::python {

namespace nb = nanobind;

int64_t Store::BeginBatch(std::optional<double> memory_limit_bytes, bool watch_unsaved) {
  const Session session = Enter();
  if (batch_ != nullptr) {
    ++batch_depth_;
    return batch_number_;
  }
  BatchOptions options;
  options.factory = NewNdarray;
  constexpr double kUnlimited = 9e18;
  if (memory_limit_bytes.has_value() && *memory_limit_bytes < kUnlimited) {
    options.memory_limit_bytes = static_cast<uint64_t>(*memory_limit_bytes);
    options.factory = NewNdarrayAlone;
  }
  if (watch_unsaved) {
    options.on_unsaved_change = [unsaved = unsaved_](absl::string_view name) {
      absl::MutexLock lock(&unsaved->mu);
      unsaved->names.emplace_back(name);
    };
  }
  auto begun = session.OnStore([&](NumPack& store) -> absl::StatusOr<std::shared_ptr<Batch>> {
    NUMPACK_ASSIGN_OR_RETURN(Batch batch, store.BeginBatch(std::move(options)));
    return std::make_shared<Batch>(std::move(batch));
  });
  std::shared_ptr<Batch> batch = ValueOrRaise(std::move(begun));
  if (batch_ != nullptr) {
    // Another thread was faster: ours joined its batch, which goes on while we leave ours.
    ++batch_depth_;
    const int64_t number = batch_number_;
    Check(WithoutGil([&batch] { return batch->Commit(); }));
    return number;
  }
  hot_.Clear();
  hot_.ResetHits();
  remembers_ = !memory_limit_bytes.has_value();
  batch_ = std::move(batch);
  last_batch_ = batch_;
  batch_depth_ = 1;
  batch_doomed_ = false;
  return ++batch_number_;
}

absl::Status Store::LeaveBatch(Batch& batch, bool doomed, bool discard) {
  if (!doomed && !discard) return batch.Commit();
  NUMPACK_RETURN_IF_ERROR(batch.Discard());
  if (discard) return absl::OkStatus();
  return absl::AbortedError(
      "a nested batch_mode block with on_error='discard' failed: nothing of the batch was "
      "published");
}

void Store::EndBatch(int64_t number, bool discard) {
  if (batch_ == nullptr || number != batch_number_) return;
  if (--batch_depth_ > 0) {
    batch_doomed_ = batch_doomed_ || discard;
    return;
  }
  const bool doomed = batch_doomed_;
  batch_doomed_ = false;
  const std::shared_ptr<Batch> batch = std::move(batch_);
  hot_.Clear();
  Check(WithoutGil([&] { return LeaveBatch(*batch, doomed, discard); }));
}

void Store::RollbackBatch() {
  const std::shared_ptr<Batch> batch = batch_;
  const Running running(&running_);
  if (batch != nullptr) WithoutGil([&] { batch->Rollback(); });
}

nb::list Store::TakeUnsaved() {
  std::vector<std::string> names;
  {
    absl::MutexLock lock(&unsaved_->mu);
    names.swap(unsaved_->names);
  }
  return TextList(names);
}

void Store::FlushBatch() {
  const std::shared_ptr<Batch> batch = batch_;
  const Running running(&running_);
  if (batch != nullptr) Check(WithoutGil([&] { return batch->Flush(); }));
}

nb::dict Store::BatchStatistics(int64_t number) const {
  nb::dict result;
  const std::shared_ptr<Batch> batch = last_batch_;
  if (batch == nullptr || number != batch_number_) return result;
  const BatchStats stats = WithoutGil([&] { return batch->stats(); });
  result["hits"] = stats.hits + hot_.hits();
  result["misses"] = stats.misses;
  result["evictions"] = stats.evictions;
  result["spills"] = stats.spills;
  result["cached_bytes"] = stats.cached_bytes;
  result["pinned_bytes"] = stats.pinned_bytes;
  result["spilled_bytes"] = stats.spilled_bytes;
  result["peak_bytes"] = stats.peak_bytes;
  result["flush_seconds"] = absl::ToDoubleSeconds(stats.flush_time);
  return result;
}

nb::list Store::CachedNames() const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::list();
  return TextList(WithoutGil([&] { return batch->CachedNames(); }));
}

nb::list Store::DirtyNames() const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::list();
  return TextList(WithoutGil([&] { return batch->DirtyNames(); }));
}

nb::object Store::Cached(nb::handle name) const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::none();
  const absl::string_view text = NameOf(name);
  std::optional<AnyArray> array = WithoutGil([&] { return batch->Cached(text); });
  if (!array.has_value()) return nb::none();
  return ToNdarray(*std::move(array));
}

void Store::Forget(nb::handle name) {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return;
  const absl::string_view text = NameOf(name);
  const Running running(&running_);
  Check(WithoutGil([&] { return batch->Forget(text); }));
}

std::shared_ptr<WritableArrays> Store::BeginWritable(bool atomic) {
  const Session session = Enter();
  // The library refuses what cannot be joined.
  if (writable_ != nullptr && !writable_->over() && (writable_->atomic() || !atomic)) {
    writable_->Join();
    return writable_;
  }
  absl::StatusOr<WritableBatch> begun = session.OnStore([atomic](NumPack& store) {
    WritableBatchOptions options;
    options.atomic = atomic;
    return store.BeginWritable(options);
  });
  auto arrays = std::make_shared<WritableArrays>(ValueOrRaise(std::move(begun)));
  if (writable_ == nullptr || writable_->over()) {
    writable_ = std::move(arrays);
    return writable_;
  }
  // Another thread was faster. Its block goes on while we leave ours, which gives up the GIL.
  std::shared_ptr<WritableArrays> first = writable_;
  first->Join();
  arrays->Leave(/*failed=*/false);
  return first;
}

}  // namespace numpack::python
