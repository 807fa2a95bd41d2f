// ArrayStore: a handle on a store of named arrays. numpack.h adds the two batch modes and the
// choice of backend.
//
// Thread-safe: all methods may be called from several threads at once. Handles on one directory in
// one process share one state and see each other's commits at once. Arrays and lazy arrays obtained
// from a handle outlive it. Every change is committed, all or nothing, when its call returns; how
// durable that is against power loss is StoreOptions::durability. Errors: see transaction.h; after
// Close, FailedPrecondition.
#ifndef NUMPACK_CORE_ARRAY_STORE_H_
#define NUMPACK_CORE_ARRAY_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/core/array.h"
#include "numpack/core/array_info.h"
#include "numpack/core/lazy_array.h"
#include "numpack/core/transaction.h"
#include "numpack/core/view.h"
#include "numpack/storage/options.h"
#include "numpack/storage/store.h"

namespace numpack {

using Durability = storage::Durability;
using StoreOptions = storage::StoreOptions;
using StoreStats = storage::StoreStats;

// An array to save or append, and where.
struct NamedView {
  absl::string_view name;
  ArrayView view;
};

class ArrayStore {
 public:
  // Opens the store in the backend's directory, or makes an empty one. A directory of NumPack 0.7
  // is read as it is; the first change makes a store of it (docs/format.md). DataLoss: there is
  // one, and it does not check out (nothing is changed then). Unavailable: another process has it
  // open; the message names that process. PermissionDenied: the directory cannot be written; with
  // StoreOptions::read_only it can be read.
  static absl::StatusOr<ArrayStore> Open(std::shared_ptr<Backend> backend,
                                         const StoreOptions& options = {});

  // Makes every handle of this process on the store in the backend's directory fail with
  // FailedPrecondition from now on: somebody is about to replace the directory.
  static void Abandon(const Backend& backend) { storage::Store::AbandonAt(backend); }

  ArrayStore(ArrayStore&&) noexcept = default;
  ArrayStore& operator=(ArrayStore&& other) noexcept;  // exchanges the two
  // As Close, but can only ignore its error.
  ~ArrayStore();

  // Makes everything durable (unless durability is kNone) and releases the store. Idempotent.
  absl::Status Close();
  bool is_open() const { return store_ != nullptr; }
  // Whether it was opened with StoreOptions::read_only: every change is PermissionDenied.
  bool read_only() const { return read_only_; }

  // Makes everything committed durable now, whatever the durability option. Without mappings, what
  // writable batches have changed so far is written to the files before; nobody changes it
  // meanwhile.
  absl::Status Flush();

  // Whether views, lazy arrays and writable batches share memory with the files. Otherwise they are
  // copies: StoreOptions::mappings.
  bool is_mapped() const { return store_ != nullptr && store_->is_mapped(); }

  // What the store's files hold: arrays, slack, limbo, free space, log. Sizes in bytes; the fields
  // are explained at storage::StoreStats.
  absl::StatusOr<StoreStats> Stats() const;

  // --- Reading

  bool Contains(absl::string_view name) const;
  std::vector<std::string> List() const;  // in the order of first save
  absl::StatusOr<ArrayInfo> Info(absl::string_view name) const;

  // A writable copy, in memory from `factory`.
  absl::StatusOr<AnyArray> Load(absl::string_view name,
                                const ArrayFactory& factory = NewHeapArray) const;
  template <typename T>
  absl::StatusOr<Array<T>> Load(absl::string_view name) const {
    absl::StatusOr<AnyArray> array = Load(name);
    if (!array.ok()) return array.status();
    return array->As<T>();
  }

  // The stored elements themselves, read-only, without a copy. They keep their values whatever
  // happens to the stored array (in-place changes excepted).
  absl::StatusOr<AnyArray> View(absl::string_view name) const;
  template <typename T>
  absl::StatusOr<Array<const T>> View(absl::string_view name) const {
    absl::StatusOr<AnyArray> array = View(name);
    if (!array.ok()) return array.status();
    return array->As<const T>();
  }

  absl::StatusOr<LazyArray> Lazy(absl::string_view name) const;

  // Names whose in-place changes were cut short by a crash: their elements may be a mixture of old
  // and new. Saving such an array, or AcknowledgeInterrupted, ends that.
  std::vector<std::string> Interrupted() const;
  absl::Status AcknowledgeInterrupted(absl::string_view name);

  // --- Changing: each call is one commit. Semantics: the methods of the same name in
  // transaction.h.

  absl::Status Save(absl::string_view name, const ArrayView& view);
  absl::Status Save(absl::Span<const NamedView> arrays);
  template <typename T>
  absl::Status Save(absl::string_view name, const numpack::View<T>& view) {
    absl::StatusOr<ArrayView> erased = Erase(view);
    return erased.ok() ? Save(name, *erased) : erased.status();
  }
  absl::Status Append(absl::string_view name, const ArrayView& view);
  absl::Status Append(absl::Span<const NamedView> arrays);
  template <typename T>
  absl::Status Append(absl::string_view name, const numpack::View<T>& view) {
    absl::StatusOr<ArrayView> erased = Erase(view);
    return erased.ok() ? Append(name, *erased) : erased.status();
  }
  absl::Status ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                           const ArrayView& view);
  absl::Status DropRows(absl::string_view name, absl::Span<const int64_t> rows);
  absl::Status Compact(absl::string_view name);
  absl::Status Remove(absl::string_view name);
  absl::Status Clear();

  // A second handle on the same store.
  absl::StatusOr<ArrayStore> Duplicate() const;

  // Several changes as one commit. Waits for the writer lock at most StoreOptions::lock_wait, then
  // Unavailable.
  absl::StatusOr<Transaction> Begin();

  // The byte store below, for the batch modes.
  const std::shared_ptr<storage::Store>& storage() const { return store_; }
  // OK when the handle is open and may change the store.
  absl::Status CheckChangeable() const;

 private:
  ArrayStore(std::shared_ptr<storage::Store> store, bool read_only)
      : store_(std::move(store)), read_only_(read_only) {}
  absl::Status CheckOpen() const;
  // Runs `change` in a transaction of its own and commits it.
  absl::Status CommitOne(absl::FunctionRef<absl::Status(Transaction&)> change);

  std::shared_ptr<storage::Store> store_;
  bool read_only_;  // this handle: others of the process may change the same store
};

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_STORE_H_
