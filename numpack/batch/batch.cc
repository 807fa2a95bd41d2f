#include "numpack/batch/batch.h"

#include <memory>
#include <utility>

#include "numpack/base/mode_error.h"
#include "numpack/base/status_macros.h"
#include "numpack/batch/batch_state.h"

namespace numpack {

Batch::Batch(std::shared_ptr<BatchState> state) : state_(std::move(state)) {}

Batch::Batch(Batch&& other) noexcept
    : state_(std::move(other.state_)), ended_(other.ended_.exchange(true)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  std::swap(state_, other.state_);
  ended_ = other.ended_.exchange(ended_);
  return *this;
}

Batch::~Batch() { Discard().IgnoreError(); }

absl::StatusOr<BatchState*> Batch::Active() const {
  if (ended_) return BatchIsOver();
  return state_.get();
}

absl::Status Batch::Commit() {
  return ended_.exchange(true) ? BatchIsOver() : state_->Leave(/*commit=*/true);
}

absl::Status Batch::Discard() {
  return ended_.exchange(true) ? BatchIsOver() : state_->Leave(/*commit=*/false);
}

absl::StatusOr<AnyArray> Batch::Load(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Load(name);
}

absl::StatusOr<LazyArray> Batch::Lazy(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Lazy(name);
}

absl::StatusOr<AnyArray> Batch::LoadRows(absl::string_view name, absl::Span<const int64_t> rows,
                                         const ArrayFactory& factory) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->LoadRows(name, rows, factory);
}

absl::Status Batch::Save(absl::string_view name, AnyArray array) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Save(name, std::move(array));
}

bool Batch::Contains(absl::string_view name) { return !ended_ && state_->Contains(name); }

std::vector<std::string> Batch::List() {
  return ended_ ? std::vector<std::string>() : state_->List();
}

absl::StatusOr<ArrayInfo> Batch::Info(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Info(name);
}

absl::Status Batch::Append(absl::string_view name, const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.Append(name, view); });
}

absl::Status Batch::ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                                const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Change(
      name, [&](Transaction& transaction) { return transaction.ReplaceRows(name, rows, view); });
}

absl::Status Batch::DropRows(absl::string_view name, absl::Span<const int64_t> rows) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.DropRows(name, rows); });
}

absl::Status Batch::DropAllRows(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Change(name,
                       [&](Transaction& transaction) { return transaction.DropAllRows(name); });
}

absl::Status Batch::Remove(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Remove(name);
}

absl::Status Batch::Clear() {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Clear();
}

absl::Status Batch::Clone(absl::string_view source, absl::string_view target) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->ChangeInto(
      source, target, [&](Transaction& transaction) { return transaction.Clone(source, target); });
}

absl::Status Batch::Rename(absl::string_view from, absl::string_view to) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->ChangeInto(from, to,
                           [&](Transaction& transaction) { return transaction.Rename(from, to); });
}

absl::Status Batch::Flush() {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Flush();
}

void Batch::Rollback() {
  if (!ended_) state_->Rollback();
}

BatchStats Batch::stats() const { return state_ == nullptr ? BatchStats() : state_->stats(); }

uint64_t Batch::version() const { return state_->version(); }

std::vector<std::string> Batch::CachedNames() const {
  return ended_ ? std::vector<std::string>() : state_->CachedNames();
}

std::vector<std::string> Batch::DirtyNames() const {
  return ended_ ? std::vector<std::string>() : state_->DirtyNames();
}

std::optional<AnyArray> Batch::Cached(absl::string_view name) const {
  return ended_ ? std::nullopt : state_->Cached(name);
}

absl::Status Batch::Forget(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(BatchState * state, Active());
  return state->Forget(name);
}

}  // namespace numpack
