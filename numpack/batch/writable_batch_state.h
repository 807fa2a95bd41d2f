// WritableBatchState: what a writable batch and the ones nested in it share. Semantics:
// writable_batch.h.
#ifndef NUMPACK_BATCH_WRITABLE_BATCH_STATE_H_
#define NUMPACK_BATCH_WRITABLE_BATCH_STATE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "numpack/batch/writable_batch.h"
#include "numpack/core/array.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"

namespace numpack {

// The error of every operation after the end.
absl::Status WritableBatchIsOver();

class WritableBatchState {
 public:
  explicit WritableBatchState(ArrayStore store, WritableBatchOptions options = {})
      : atomic_(options.atomic), store_(std::move(store)) {}

  absl::Status Join();
  // The outermost one finishes. With `discard`, which needs atomic(), nothing is published, also
  // when it is a nested one that asks for it.
  absl::Status Leave(bool discard);
  bool active() const;
  bool atomic() const { return atomic_; }

  absl::StatusOr<AnyArray> Load(absl::string_view name);
  absl::Status Save(absl::string_view name, const ArrayView& view);
  std::vector<std::string> LoadedNames() const;

 private:
  class MappedOwner;
  struct Loaded {
    AnyArray array;
    std::shared_ptr<MappedOwner> owner;
    std::string metadata;  // as stored
  };

  absl::Status CheckActive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Loaded> Open(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status EndAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CutOff() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<std::string> LoadedNamesLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const bool atomic_;
  mutable absl::Mutex mu_;
  ArrayStore store_ ABSL_GUARDED_BY(mu_);
  int depth_ ABSL_GUARDED_BY(mu_) = 0;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  bool doomed_ ABSL_GUARDED_BY(mu_) = false;  // one of the batches was discarded
  absl::btree_map<std::string, Loaded> loaded_ ABSL_GUARDED_BY(mu_);
};

}  // namespace numpack

#endif  // NUMPACK_BATCH_WRITABLE_BATCH_STATE_H_
