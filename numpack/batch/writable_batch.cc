#include "numpack/batch/writable_batch.h"

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
  if (state_ == nullptr) return absl::OkStatus();
  return std::exchange(state_, nullptr)->Leave();
}

absl::StatusOr<AnyArray> WritableBatch::Load(absl::string_view name) {
  if (state_ == nullptr) return Over();
  return state_->Load(name);
}

absl::Status WritableBatch::Save(absl::string_view name, const ArrayView& view) {
  if (state_ == nullptr) return Over();
  return state_->Save(name, view);
}

std::vector<std::string> WritableBatch::LoadedNames() const {
  return state_ == nullptr ? std::vector<std::string>() : state_->LoadedNames();
}

}  // namespace numpack
