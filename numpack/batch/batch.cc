#include "numpack/batch/batch.h"

#include <memory>
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
  const std::shared_ptr<BatchState> state = std::atomic_exchange(&state_, {});
  return state == nullptr ? Over() : state->Leave(/*commit=*/true);
}

absl::StatusOr<AnyArray> Batch::Load(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Load(name);
}

absl::StatusOr<LazyArray> Batch::Lazy(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Lazy(name);
}

absl::Status Batch::Save(absl::string_view name, AnyArray array) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Save(name, std::move(array));
}

bool Batch::Contains(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state != nullptr && state->Contains(name);
}

std::vector<std::string> Batch::List() {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state == nullptr ? std::vector<std::string>() : state->List();
}

absl::StatusOr<ArrayInfo> Batch::Info(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Info(name);
}

absl::Status Batch::Append(absl::string_view name, const ArrayView& view) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.Append(name, view); });
}

absl::Status Batch::ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                                const ArrayView& view) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Change(
      name, [&](Transaction& transaction) { return transaction.ReplaceRows(name, rows, view); });
}

absl::Status Batch::DropRows(absl::string_view name, absl::Span<const int64_t> rows) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.DropRows(name, rows); });
}

absl::Status Batch::DropAllRows(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.DropAllRows(name); });
}

absl::Status Batch::Remove(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Remove(name);
}

absl::Status Batch::Clear() {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Clear();
}

absl::Status Batch::Clone(absl::string_view source, absl::string_view target) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->ChangeInto(
      source, target, [&](Transaction& transaction) { return transaction.Clone(source, target); });
}

absl::Status Batch::Rename(absl::string_view from, absl::string_view to) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->ChangeInto(from, to,
                           [&](Transaction& transaction) { return transaction.Rename(from, to); });
}

absl::Status Batch::Flush() {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Flush();
}

void Batch::Rollback() {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state != nullptr) state->Rollback();
}

BatchStats Batch::stats() const {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state == nullptr ? BatchStats() : state->stats();
}

std::vector<std::string> Batch::CachedNames() const {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state == nullptr ? std::vector<std::string>() : state->CachedNames();
}

std::vector<std::string> Batch::DirtyNames() const {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state == nullptr ? std::vector<std::string>() : state->DirtyNames();
}

std::optional<AnyArray> Batch::Cached(absl::string_view name) const {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  return state == nullptr ? std::nullopt : state->Cached(name);
}

absl::Status Batch::Forget(absl::string_view name) {
  const std::shared_ptr<BatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Forget(name);
}

}  // namespace numpack
