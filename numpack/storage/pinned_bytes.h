// PinnedBytes: a stored byte string as it was at one moment, readable and unchanging while this
// lives.
//
// Copyable; copies share the pin. It keeps the store's files open, and the store locked, until the
// last copy is gone. In-place changes show through: they are changes of these very bytes.
// Thread-safe.
#ifndef NUMPACK_STORAGE_PINNED_BYTES_H_
#define NUMPACK_STORAGE_PINNED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/extent.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

class PinnedBytes {
 public:
  PinnedBytes() = default;
  // `store` is kept alive. The caller makes sure that the extent cannot be recycled meanwhile (see
  // Pin).
  PinnedBytes(std::shared_ptr<const void> store, EntryPtr entry);

  uint64_t length() const { return entry_ == nullptr ? 0 : entry_->length; }
  const std::string& metadata() const { return entry_->metadata; }
  // Whether the log has a checksum of them.
  bool has_checksum() const { return entry_->checksum.has_value(); }

  // Whether View is the file itself, and not a copy.
  bool is_mapped() const { return pin_.get() != nullptr && pin_.get()->segment->is_mapped(); }

  // Copies [offset, offset + to.size()). OutOfRange beyond length().
  absl::Status Read(uint64_t offset, absl::Span<std::byte> to) const;

  // [offset, offset + length) without a copy (with one where the backend has no mappings). The
  // result holds the pin too.
  absl::StatusOr<SharedBytes> View(uint64_t offset, uint64_t length) const;
  absl::StatusOr<SharedBytes> View() const { return View(0, length()); }

 private:
  absl::Status CheckRange(uint64_t offset, uint64_t length) const;

  // Declared first, so destroyed last: giving the pin back may be the last use of the store.
  std::shared_ptr<const void> store_;
  EntryPtr entry_;
  Pin pin_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_PINNED_BYTES_H_
