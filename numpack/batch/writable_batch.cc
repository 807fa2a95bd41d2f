#include "numpack/batch/writable_batch.h"

#include <memory>
#include <utility>

#include "numpack/base/mode_error.h"
#include "numpack/base/status_macros.h"
#include "numpack/batch/writable_batch_state.h"

namespace numpack {

WritableBatch::WritableBatch(std::shared_ptr<WritableBatchState> state)
    : state_(std::move(state)) {}

WritableBatch::WritableBatch(WritableBatch&& other) noexcept
    : state_(std::move(other.state_)), ended_(other.ended_.exchange(true)) {}

WritableBatch& WritableBatch::operator=(WritableBatch&& other) noexcept {
  std::swap(state_, other.state_);
  ended_ = other.ended_.exchange(ended_);
  return *this;
}

WritableBatch::~WritableBatch() {
  if (!ended_.exchange(true)) state_->Leave(/*discard=*/state_->atomic()).IgnoreError();
}

bool WritableBatch::atomic() const { return state_ != nullptr && state_->atomic(); }

absl::StatusOr<WritableBatchState*> WritableBatch::Active() const {
  if (ended_) return WritableBatchIsOver();
  return state_.get();
}

absl::Status WritableBatch::Finish() {
  return ended_.exchange(true) ? absl::OkStatus() : state_->Leave(/*discard=*/false);
}

absl::Status WritableBatch::Discard() {
  if (!ended_ && !state_->atomic()) {
    return ModeError(
        "a writable batch that is not atomic has changed the stored arrays already: it cannot be "
        "discarded");
  }
  return ended_.exchange(true) ? WritableBatchIsOver() : state_->Leave(/*discard=*/true);
}

absl::StatusOr<AnyArray> WritableBatch::Load(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(WritableBatchState * state, Active());
  return state->Load(name);
}

absl::Status WritableBatch::Save(absl::string_view name, const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(WritableBatchState * state, Active());
  return state->Save(name, view);
}

std::vector<std::string> WritableBatch::LoadedNames() const {
  return ended_ ? std::vector<std::string>() : state_->LoadedNames();
}

}  // namespace numpack
