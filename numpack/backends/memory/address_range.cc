#include "numpack/backends/memory/address_range.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace numpack {

AddressRange::~AddressRange() {
  if (data_ != nullptr) SystemRelease(data_, reserved_);
}

absl::Status AddressRange::Reserve(size_t size) {
  std::byte* const data = SystemReserve(size);
  if (data == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system refuses ", size, " bytes of addresses"));
  }
  data_ = data;
  reserved_ = size;
  return absl::OkStatus();
}

absl::Status AddressRange::GrowTo(size_t size) {
  if (size <= committed_) return absl::OkStatus();
  if (size > reserved_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(size, " bytes are more than the ", reserved_, " reserved"));
  }
  const size_t past_last_step =
      (reserved_ - size) < kStep ? reserved_ : (size + kStep - 1) / kStep * kStep;
  if (!SystemCommit(data_ + committed_, past_last_step - committed_)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system refuses memory for ", size, " bytes"));
  }
  committed_ = past_last_step;
  return absl::OkStatus();
}

void AddressRange::ShrinkTo(size_t size) {
  if (size >= committed_) return;
  const size_t kept = std::min((size + kStep - 1) / kStep * kStep, committed_);
  std::memset(data_ + size, 0, kept - size);
  if (kept == committed_) return;
  if (SystemDecommit(data_ + kept, committed_ - kept)) {
    committed_ = kept;
  } else {
    std::memset(data_ + kept, 0, committed_ - kept);
  }
}

}  // namespace numpack
