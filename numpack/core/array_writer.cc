#include "numpack/core/array_writer.h"

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/shape.h"

namespace numpack {

absl::StatusOr<ArrayWriter> ArrayWriter::Begin(ArrayStore& store) {
  NUMPACK_RETURN_IF_ERROR(store.CheckChangeable());
  NUMPACK_ASSIGN_OR_RETURN(storage::Transaction pending, store.storage()->Begin());
  return ArrayWriter(std::move(pending));
}

absl::Status ArrayWriter::Start(absl::string_view name, DType dtype,
                                absl::Span<const int64_t> shape) {
  NUMPACK_RETURN_IF_ERROR(Finish());
  if (name.empty()) return absl::InvalidArgumentError("an array's name must not be empty");
  NUMPACK_ASSIGN_OR_RETURN(const int64_t elements, CountElements(shape, dtype));
  auto info = std::make_unique<ArrayInfo>();
  info->dtype = dtype;
  info->shape.assign(shape.begin(), shape.end());
  info->nbytes = elements * static_cast<int64_t>(ItemSize(dtype));
  NUMPACK_ASSIGN_OR_RETURN(extent_, pending_.Allocate(name, static_cast<uint64_t>(info->nbytes)));
  name_ = std::string(name);
  info_ = std::move(info);
  written_ = 0;
  return absl::OkStatus();
}

absl::Status ArrayWriter::Write(absl::Span<const std::byte> bytes) {
  NUMPACK_RETURN_IF_ERROR(given_up_);
  if (info_ == nullptr) return absl::FailedPreconditionError("no array has been started");
  if (bytes.size() > extent_.length() - written_) {
    return absl::OutOfRangeError(
        absl::StrCat("array '", name_, "' has ", extent_.length(), " bytes, and more were given"));
  }
  NUMPACK_RETURN_IF_ERROR(extent_.Write(written_, bytes));
  written_ += bytes.size();
  return absl::OkStatus();
}

absl::Status ArrayWriter::Finish() {
  if (info_ == nullptr) return given_up_;
  if (written_ < extent_.length()) {
    return absl::FailedPreconditionError(absl::StrCat("array '", name_, "' has ", extent_.length(),
                                                      " bytes, and only ", written_,
                                                      " were given"));
  }
  const std::unique_ptr<ArrayInfo> info = std::move(info_);
  info->modified_us = NowMicros();
  // The bytes are gone after this, even when it fails: trying again would put others there.
  given_up_ = pending_.Put(name_, std::move(extent_), EncodeMetadata(*info));
  return given_up_;
}

absl::Status ArrayWriter::Commit() {
  NUMPACK_RETURN_IF_ERROR(Finish());
  return pending_.Commit();
}

}  // namespace numpack
