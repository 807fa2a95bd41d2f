#include "numpack/storage/pinned_bytes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/parallel_copy.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {

PinnedBytes::PinnedBytes(std::shared_ptr<const void> store, EntryPtr entry)
    : store_(std::move(store)), entry_(std::move(entry)), pin_(entry_->extent) {}

absl::Status PinnedBytes::CheckRange(uint64_t offset, uint64_t length) const {
  if (offset <= this->length() && length <= this->length() - offset) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("bytes ", offset, " + ", length, " of an array of ", this->length(), " bytes"));
}

absl::Status PinnedBytes::Read(uint64_t offset, absl::Span<std::byte> to) const {
  NUMPACK_RETURN_IF_ERROR(CheckRange(offset, to.size()));
  if (to.empty()) return absl::OkStatus();
  const Extent& extent = *pin_.get();
  if (!extent.segment->is_mapped()) return extent.segment->Read(extent.offset + offset, to);
  NUMPACK_ASSIGN_OR_RETURN(const SharedBytes view,
                           extent.segment->View(extent.offset + offset, to.size()));
  ParallelCopy(to.data(), view.bytes.data(), to.size());
  return absl::OkStatus();
}

absl::StatusOr<SharedBytes> PinnedBytes::View(uint64_t offset, uint64_t length) const {
  NUMPACK_RETURN_IF_ERROR(CheckRange(offset, length));
  if (length == 0) return SharedBytes{};
  const Extent& extent = *pin_.get();
  NUMPACK_ASSIGN_OR_RETURN(SharedBytes view, extent.segment->View(extent.offset + offset, length));
  struct Holder {
    PinnedBytes bytes;
    std::shared_ptr<const void> memory;
  };
  view.owner = std::make_shared<Holder>(Holder{*this, std::move(view.owner)});
  return view;
}

}  // namespace numpack::storage
