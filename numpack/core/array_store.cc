#include "numpack/core/array_store.h"

#include <utility>

#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/core/legacy_v1_import.h"
#include "numpack/storage/read_only_backend.h"

namespace numpack {
namespace {

// A damaged directory of NumPack 0.7 is refused before the store puts its lock file into it.
absl::Status CheckLegacy(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  if (!IsLegacyDirectory(files)) return absl::OkStatus();
  const absl::Status status = LegacyDataFiles(backend).status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;  // another process adopts it
}

}  // namespace

absl::StatusOr<ArrayStore> ArrayStore::Open(std::shared_ptr<Backend> backend,
                                            const StoreOptions& options) {
  NUMPACK_RETURN_IF_ERROR(CheckLegacy(*backend));
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<storage::Store> store,
                           storage::Store::Open(std::move(backend), options, LegacyImport()));
  return ArrayStore(std::move(store), options.read_only);
}

ArrayStore& ArrayStore::operator=(ArrayStore&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(read_only_, other.read_only_);
  return *this;
}

ArrayStore::~ArrayStore() { Close().IgnoreError(); }

absl::Status ArrayStore::Close() {
  if (store_ == nullptr) return absl::OkStatus();
  return std::exchange(store_, nullptr)->CloseHandle();
}

absl::Status ArrayStore::CheckOpen() const {
  if (store_ != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError("the store is not opened or has been closed");
}

absl::Status ArrayStore::CheckChangeable() const {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  return read_only_ ? storage::ReadOnlyError(store_->Describe()) : absl::OkStatus();
}

absl::Status ArrayStore::Flush() {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  NUMPACK_RETURN_IF_ERROR(store_->WriteBack());
  return store_->Flush();
}

absl::StatusOr<StoreStats> ArrayStore::Stats() const {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  return store_->StatsWithFiles();
}

bool ArrayStore::Contains(absl::string_view name) const {
  return store_ != nullptr && store_->Contains(name);
}

std::vector<std::string> ArrayStore::List() const {
  return store_ == nullptr ? std::vector<std::string>() : store_->List();
}

absl::StatusOr<ArrayInfo> ArrayStore::Info(absl::string_view name) const {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  NUMPACK_ASSIGN_OR_RETURN(const storage::PinnedBytes bytes, store_->Find(name));
  return InfoOf(name, bytes);
}

absl::StatusOr<LazyArray> ArrayStore::Lazy(absl::string_view name) const {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  NUMPACK_ASSIGN_OR_RETURN(storage::PinnedBytes bytes, store_->Find(name));
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoOf(name, bytes));
  return LazyArray(std::move(info), std::move(bytes));
}

absl::StatusOr<AnyArray> ArrayStore::Load(absl::string_view name,
                                          const ArrayFactory& factory) const {
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, Lazy(name));
  return lazy.Load(factory);
}

absl::StatusOr<AnyArray> ArrayStore::View(absl::string_view name) const {
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, Lazy(name));
  return lazy.View();
}

std::vector<std::string> ArrayStore::Interrupted() const {
  return store_ == nullptr ? std::vector<std::string>() : store_->Interrupted();
}

absl::Status ArrayStore::AcknowledgeInterrupted(absl::string_view name) {
  NUMPACK_RETURN_IF_ERROR(CheckChangeable());
  return store_->AcknowledgeInterrupted(name);
}

absl::StatusOr<ArrayStore> ArrayStore::Duplicate() const {
  NUMPACK_RETURN_IF_ERROR(CheckOpen());
  NUMPACK_RETURN_IF_ERROR(store_->AddHandle());
  return ArrayStore(store_, read_only_);
}

absl::StatusOr<Transaction> ArrayStore::Begin() {
  NUMPACK_RETURN_IF_ERROR(CheckChangeable());
  NUMPACK_ASSIGN_OR_RETURN(storage::Transaction pending, store_->Begin());
  return Transaction(std::move(pending));
}

absl::Status ArrayStore::CommitOne(absl::FunctionRef<absl::Status(Transaction&)> change) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, Begin());
  NUMPACK_RETURN_IF_ERROR(change(transaction));
  return transaction.Commit();
}

absl::Status ArrayStore::Save(absl::string_view name, const ArrayView& view) {
  return CommitOne([&](Transaction& transaction) { return transaction.Save(name, view); });
}

absl::Status ArrayStore::Save(absl::Span<const NamedView> arrays) {
  std::vector<PlacedView> next;
  next.reserve(arrays.size());
  for (const NamedView& array : arrays) next.push_back({array.name, array.view});
  return CommitOne([&](Transaction& transaction) { return transaction.SaveAll(next); });
}

absl::Status ArrayStore::Append(absl::string_view name, const ArrayView& view) {
  return CommitOne([&](Transaction& transaction) { return transaction.Append(name, view); });
}

absl::Status ArrayStore::Append(absl::Span<const NamedView> arrays) {
  return CommitOne([&](Transaction& transaction) {
    for (const NamedView& array : arrays)
      NUMPACK_RETURN_IF_ERROR(transaction.Append(array.name, array.view));
    return absl::OkStatus();
  });
}

absl::Status ArrayStore::ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                                     const ArrayView& view) {
  return CommitOne([&](Transaction& transaction) -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(const bool done, transaction.RewriteRows(name, rows, view));
    return done ? absl::OkStatus() : transaction.ReplaceRows(name, rows, view);
  });
}

absl::Status ArrayStore::DropRows(absl::string_view name, absl::Span<const int64_t> rows) {
  return CommitOne([&](Transaction& transaction) { return transaction.DropRows(name, rows); });
}

absl::Status ArrayStore::Compact(absl::string_view name) {
  return CommitOne([&](Transaction& transaction) { return transaction.Compact(name); });
}

absl::Status ArrayStore::Remove(absl::string_view name) {
  return CommitOne([&](Transaction& transaction) { return transaction.Remove(name); });
}

absl::Status ArrayStore::Clear() {
  return CommitOne([](Transaction& transaction) { return transaction.Clear(); });
}

}  // namespace numpack
