// BatchState: what a batch and the batches nested in it share. Semantics: batch.h.
//
// It is a cache over a transaction. Arrays in memory are `values_`; which of them to keep is
// CachePolicy's to say. Everything else that is pending, spilled arrays included, is in the
// transaction, which exists from the first change on. Operations other than Load, LoadRows and Save
// are the transaction's: a changed array in memory is written there first ("written back").
#ifndef NUMPACK_BATCH_BATCH_STATE_H_
#define NUMPACK_BATCH_BATCH_STATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/batch/batch.h"
#include "numpack/cache/cache_policy.h"
#include "numpack/core/array.h"
#include "numpack/core/array_info.h"
#include "numpack/core/array_store.h"
#include "numpack/core/lazy_array.h"
#include "numpack/core/transaction.h"

namespace numpack {

// The error of every operation after the end.
absl::Status BatchIsOver();

class BatchState {
 public:
  BatchState(ArrayStore store, BatchOptions options);

  // Nesting. FailedPrecondition once the outermost batch has ended.
  absl::Status Join();
  // Leave with `commit`: the outermost publishes. Without: the whole batch is doomed, and the
  // outermost discards.
  absl::Status Leave(bool commit);
  bool active() const;

  absl::StatusOr<AnyArray> Load(absl::string_view name);
  absl::StatusOr<LazyArray> Lazy(absl::string_view name);
  absl::StatusOr<AnyArray> LoadRows(absl::string_view name, absl::Span<const int64_t> rows,
                                    const ArrayFactory& factory);
  absl::Status Save(absl::string_view name, AnyArray array);
  bool Contains(absl::string_view name);
  std::vector<std::string> List();
  absl::StatusOr<ArrayInfo> Info(absl::string_view name);

  using Operation = absl::FunctionRef<absl::Status(Transaction&)>;
  // Runs an operation that reads and changes the array `name` in the transaction, on its pending
  // contents.
  absl::Status Change(absl::string_view name, Operation operation);
  // As Change, for one that also makes the array `target`, which must not exist.
  absl::Status ChangeInto(absl::string_view name, absl::string_view target, Operation operation);
  absl::Status Remove(absl::string_view name);
  absl::Status Clear();

  absl::Status Flush();
  void Rollback();

  BatchStats stats() const;
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::vector<std::string> CachedNames() const;
  std::vector<std::string> DirtyNames() const;
  std::optional<AnyArray> Cached(absl::string_view name);
  absl::Status Forget(absl::string_view name);

 private:
  // How the transaction's copy of a saved array relates to the one in memory.
  enum class Copy {
    kNone,     // there is none
    kEarlier,  // the elements of an earlier time: who holds the array may have changed it since
    kSame,     // nobody could change it since it was written
  };
  struct Value {
    AnyArray array;
    int64_t modified_us = 0;  // when it was saved; meaningless for unchanged ones
    Copy copy = Copy::kNone;  // of a saved array
    LazyArray loaded;         // of one that is not saved: what was read, with on_unsaved_change_
    uint64_t place = 0;       // of a saved array whose name is new: in the order of names
  };

  absl::Status CheckActive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Starts the transaction, if it has not started yet. Gives `mu_` up while it waits for the writer
  // lock, so it comes first in an operation.
  absl::Status BeginChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsDirty(absl::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsPending(absl::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<LazyArray> BelowCache(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A saved array of which the transaction has not got the elements; null when it has, or there is
  // none.
  Value* FindUnwritten(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Now it has got them. The value stays in memory too.
  void NoteWritten(Value& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives the transaction a saved array's elements before the end, because an operation or the
  // memory limit wants it: counted.
  absl::Status WriteAhead(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a saved array into memory, or into the transaction when it is larger than the limit.
  // `room` is what it replaces there.
  absl::Status Keep(absl::string_view name, AnyArray array, Copy copy, uint64_t place,
                    uint64_t room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The place that a name about to be saved has taken, or takes now; 0 when it is there already.
  uint64_t PlaceOf(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The array of a value, for the caller to hold.
  static AnyArray HandOut(Value& value);
  // To be called when an array in memory leaves or is replaced, or when what was handed out no
  // longer counts as such.
  void NewVersion() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    version_.fetch_add(1, std::memory_order_acq_rel);
  }
  void DropValue(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteSaved(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Evicts and spills until `incoming` more bytes fit, or nothing more can go; not the array
  // `except`.
  absl::Status MakeRoom(uint64_t incoming, absl::string_view except = {})
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status PublishTimed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Whether the array of that name was loaded and changed in place, and is not saved. Always false
  // without on_unsaved_change_.
  bool HasUnsavedChange(absl::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // All such names, those whose array has left memory before included, and forgets them.
  std::vector<std::string> TakeUnsaved() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportUnsaved(const std::vector<std::string>& names) const ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  ArrayStore store_ ABSL_GUARDED_BY(mu_);
  const ArrayFactory factory_;
  const std::function<void(absl::string_view)> on_unsaved_change_;
  int depth_ ABSL_GUARDED_BY(mu_) = 0;
  bool doomed_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  bool beginning_ ABSL_GUARDED_BY(mu_) = false;  // a thread waits for the writer lock
  std::optional<Transaction> transaction_ ABSL_GUARDED_BY(mu_);
  CachePolicy policy_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Value> values_ ABSL_GUARDED_BY(mu_);  // the keys are policy_'s
  // Names saved in this batch, in that order, and as a set.
  std::vector<std::string> save_order_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<std::string> saved_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<std::string> unsaved_ ABSL_GUARDED_BY(mu_);  // see TakeUnsaved
  int64_t spills_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t spilled_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration flush_time_ ABSL_GUARDED_BY(mu_);
  std::atomic<uint64_t> version_{1};  // changes under mu_
};

}  // namespace numpack

#endif  // NUMPACK_BATCH_BATCH_STATE_H_
