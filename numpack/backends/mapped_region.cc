#include "numpack/backends/mapped_region.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"

namespace numpack {

absl::Status MappedRegion::Flush(size_t offset, size_t length) {
  NUMPACK_RETURN_IF_ERROR(CheckRange(offset, length));
  return length == 0 ? absl::OkStatus() : impl_->Flush(offset, length);
}

void MappedRegion::Advise(size_t offset, size_t length, AccessPattern pattern) {
  if (CheckRange(offset, length).ok() && length > 0) impl_->Advise(offset, length, pattern);
}

absl::Status MappedRegion::PrefaultForWriting(size_t offset, size_t length) {
  NUMPACK_RETURN_IF_ERROR(CheckRange(offset, length));
  return length == 0 ? absl::OkStatus() : impl_->PrefaultForWriting(offset, length);
}

absl::Status MappedRegion::MakePrivate() {
  return size_ == 0 ? absl::OkStatus() : impl_->MakePrivate();
}

absl::Status MappedRegion::CheckRange(size_t offset, size_t length) const {
  if (offset <= size_ && length <= size_ - offset) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("range of ", length, " bytes at offset ", offset,
                                                 " leaves a mapped region of ", size_, " bytes"));
}

}  // namespace numpack
