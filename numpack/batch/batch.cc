#include "numpack/batch/batch.h"

#include <utility>

#include "numpack/batch/batch_state.h"

namespace numpack {
namespace {

absl::Status Over() { return absl::FailedPreconditionError("the batch is over: begin a new one"); }

}  // namespace

Batch::Batch(std::shared_ptr<BatchState> state) : state_(std::move(state)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Batch::~Batch() {
  if (state_ != nullptr) state_->Leave(/*commit=*/false).IgnoreError();
}

absl::Status Batch::Commit() {
  if (state_ == nullptr) return Over();
  return std::exchange(state_, nullptr)->Leave(/*commit=*/true);
}

absl::StatusOr<AnyArray> Batch::Load(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Load(name);
}

absl::StatusOr<LazyArray> Batch::Lazy(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Lazy(name);
}

absl::Status Batch::Save(absl::string_view name, AnyArray array) {
  if (state_ == nullptr) return Over();
  return state_->Save(name, std::move(array));
}

bool Batch::Contains(absl::string_view name) { return state_ != nullptr && state_->Contains(name); }

std::vector<std::string> Batch::List() {
  return state_ == nullptr ? std::vector<std::string>() : state_->List();
}

absl::StatusOr<ArrayInfo> Batch::Info(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Info(name);
}

absl::Status Batch::Append(absl::string_view name, const ArrayView& view) {
  if (state_ == nullptr) return Over();
  return state_->Change(name,
                        [&](Transaction& transaction) { return transaction.Append(name, view); });
}

absl::Status Batch::ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                                const ArrayView& view) {
  if (state_ == nullptr) return Over();
  return state_->Change(
      name, [&](Transaction& transaction) { return transaction.ReplaceRows(name, rows, view); });
}

absl::Status Batch::DropRows(absl::string_view name, absl::Span<const int64_t> rows) {
  if (state_ == nullptr) return Over();
  return state_->Change(name,
                        [&](Transaction& transaction) { return transaction.DropRows(name, rows); });
}

absl::Status Batch::DropAllRows(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Change(name,
                        [&](Transaction& transaction) { return transaction.DropAllRows(name); });
}

absl::Status Batch::Remove(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Remove(name);
}

absl::Status Batch::Clear() {
  if (state_ == nullptr) return Over();
  return state_->Clear();
}

absl::Status Batch::Clone(absl::string_view source, absl::string_view target) {
  if (state_ == nullptr) return Over();
  return state_->ChangeInto(
      source, target, [&](Transaction& transaction) { return transaction.Clone(source, target); });
}

absl::Status Batch::Rename(absl::string_view from, absl::string_view to) {
  if (state_ == nullptr) return Over();
  return state_->ChangeInto(from, to,
                            [&](Transaction& transaction) { return transaction.Rename(from, to); });
}

absl::Status Batch::Flush() {
  if (state_ == nullptr) return Over();
  return state_->Flush();
}

void Batch::Rollback() {
  if (state_ != nullptr) state_->Rollback();
}

BatchStats Batch::stats() const { return state_ == nullptr ? BatchStats() : state_->stats(); }

std::vector<std::string> Batch::CachedNames() const {
  return state_ == nullptr ? std::vector<std::string>() : state_->CachedNames();
}

std::vector<std::string> Batch::DirtyNames() const {
  return state_ == nullptr ? std::vector<std::string>() : state_->DirtyNames();
}

std::optional<AnyArray> Batch::Cached(absl::string_view name) const {
  return state_ == nullptr ? std::nullopt : state_->Cached(name);
}

absl::Status Batch::Forget(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Forget(name);
}

}  // namespace numpack
