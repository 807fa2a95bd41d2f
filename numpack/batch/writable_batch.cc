#include "numpack/batch/writable_batch.h"

#include <memory>
#include <utility>

#include "numpack/batch/writable_batch_state.h"

namespace numpack {
namespace {

absl::Status Over() {
  return absl::FailedPreconditionError("the writable batch is over: begin a new one");
}

}  // namespace

WritableBatch::WritableBatch(std::shared_ptr<WritableBatchState> state)
    : state_(std::move(state)) {}

WritableBatch& WritableBatch::operator=(WritableBatch&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

WritableBatch::~WritableBatch() { Finish().IgnoreError(); }

absl::Status WritableBatch::Finish() {
  const std::shared_ptr<WritableBatchState> state = std::atomic_exchange(&state_, {});
  return state == nullptr ? absl::OkStatus() : state->Leave();
}

absl::StatusOr<AnyArray> WritableBatch::Load(absl::string_view name) {
  const std::shared_ptr<WritableBatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Load(name);
}

absl::Status WritableBatch::Save(absl::string_view name, const ArrayView& view) {
  const std::shared_ptr<WritableBatchState> state = std::atomic_load(&state_);
  if (state == nullptr) return Over();
  return state->Save(name, view);
}

std::vector<std::string> WritableBatch::LoadedNames() const {
  const std::shared_ptr<WritableBatchState> state = std::atomic_load(&state_);
  return state == nullptr ? std::vector<std::string>() : state->LoadedNames();
}

}  // namespace numpack
