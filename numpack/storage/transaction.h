// Transaction: changes to a Store that are published together by one commit record.
//
// It has the writer's turn from Store::Begin to its end. What it writes goes to extents that no
// state names; a transaction that ends without Commit gives them back. Not thread-safe. Errors:
// store.h.
#ifndef NUMPACK_STORAGE_TRANSACTION_H_
#define NUMPACK_STORAGE_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/storage/catalogue.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/store.h"

namespace numpack::storage {

// A name and its place in the order of names.
struct PlacedName {
  uint64_t place = 0;
  std::string name;
};

using Pieces = absl::Span<const absl::Span<const std::byte>>;

// Space for a byte string, to be filled and then put under a name. Move-only; destroying it gives
// the space back. It must not outlive its transaction.
class PendingExtent {
 public:
  PendingExtent() = default;
  PendingExtent(PendingExtent&& other) noexcept { *this = std::move(other); }
  PendingExtent& operator=(PendingExtent&& other) noexcept;
  ~PendingExtent();

  uint64_t length() const { return length_; }
  // Writes pieces one after another. OutOfRange beyond length().
  absl::Status Write(uint64_t offset, Pieces pieces);
  absl::Status Write(uint64_t offset, absl::Span<const std::byte> bytes) {
    return Write(offset, absl::MakeConstSpan(&bytes, 1));
  }
  struct Filling {
    PendingExtent* extent;
    absl::Span<const std::byte> bytes;  // length() of them
  };
  // Writes all of each extent. Those that lie side by side, in this order, are written by one call:
  // of small ones the calls are most of the cost.
  static absl::Status Fill(absl::Span<const Filling> fillings);
  // Makes the bytes carry a checksum, whatever the store's option says. Costs least before writing.
  void AddChecksum() {
    if (!checksum_.has_value()) checksum_ = 0;
  }

 private:
  friend class Store;
  friend class Transaction;
  PendingExtent(Store* store, std::shared_ptr<Extent> extent, uint64_t length, bool owned)
      : store_(store), extent_(std::move(extent)), length_(length), owned_(owned) {}
  absl::Status WriteSummed(uint64_t offset, Pieces pieces);
  // Whether `next` begins where this one's space ends, a few unused bytes behind its own.
  bool LiesBefore(const PendingExtent& next) const;
  // Begins with the bytes of `entry`, which are `bytes`. Its checksum is taken over, not made anew:
  // a copy of damaged bytes must not look sound.
  absl::Status WriteCopy(const Entry& entry, absl::Span<const std::byte> bytes);
  // What is true of an array of which these bytes are the continuation.
  void TakeOver(const Entry& entry);
  // Of all length() bytes. Reads those that were not seen when they were written.
  absl::StatusOr<uint32_t> Checksum();

  Store* store_ = nullptr;
  std::shared_ptr<Extent> extent_;  // null when length_ is 0
  uint64_t length_ = 0;
  bool owned_ = false;  // nothing else names the extent
  // Of the first summed_ bytes. Nothing when there is to be none.
  std::optional<uint32_t> checksum_;
  uint64_t summed_ = 0;
  InPlace in_place_ = InPlace::kNo;  // of the array that it continues
};

class Transaction {
 public:
  Transaction(Transaction&&) noexcept = default;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Reading sees the pending state.
  bool Contains(absl::string_view name) const { return FindEntry(name) != nullptr; }
  // In the order of their places; with `to_come`, which are put later, at those that they took.
  std::vector<std::string> List(absl::Span<const PlacedName> to_come = {}) const;
  absl::StatusOr<PinnedBytes> Find(absl::string_view name) const;

  // Whether somebody, in any process, reads the bytes that the state before this transaction has
  // under the name, or has them open in place.
  bool IsHeld(absl::string_view name) const;

  // Space for `length` bytes that are going to be put under `name`. They carry a checksum when the
  // store's option or what has that name now does.
  absl::StatusOr<PendingExtent> Allocate(absl::string_view name, uint64_t length);
  // The same for bytes of which some are what `name` has now: if in-place changes of it were cut
  // short, that goes on to hold.
  absl::StatusOr<PendingExtent> AllocateForPart(absl::string_view name, uint64_t length);

  // The bytes of `name` and then `more`: where they lie when there is room, else as a copy. The
  // published bytes do not change. To be put under the same name.
  absl::StatusOr<PendingExtent> Extend(absl::string_view name, Pieces more);

  // Puts the bytes under a name, instead of what is there. A new name takes `place`, or the next
  // one when that is 0. InvalidArgument for an empty or overlong name or overlong metadata.
  absl::Status Put(absl::string_view name, PendingExtent bytes, std::string metadata,
                   uint64_t place = 0);
  // Takes the next place in the order of names, for a name that is put later.
  uint64_t TakePlace() { return store_ == nullptr ? 0 : store_->NextOrdinal(); }
  // Changes pieces of the array where they lie, in this order, and publishes that as a commit of
  // its own. False, and nothing is done: when there are other changes, when it is not worth it, or
  // when somebody reads the array.
  absl::StatusOr<bool> Rewrite(absl::string_view name, absl::Span<const BytesAt> pieces,
                               std::string metadata);

  absl::Status Remove(absl::string_view name);
  // Gives the bytes of `from` the name `to`, which must be free.
  absl::Status Rename(absl::string_view from, absl::string_view to);

  // Publishes what is pending; the transaction goes on. After an error nothing is published, and
  // all is still pending.
  absl::Status Publish();

  // Publishes, and ends the transaction either way.
  absl::Status Commit();

 private:
  friend class Store;
  friend class Vacuumer;
  // Takes over the turn.
  explicit Transaction(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  EntryPtr FindEntry(absl::string_view name) const;
  absl::StatusOr<EntryPtr> FindForChange(absl::string_view name) const;
  // A copy of the bytes where no other array shares a page with them.
  absl::StatusOr<PendingExtent> CopyToOwnPages(absl::string_view name);
  // Puts a copy of the bytes, of at most kPackedBytes, into no more space than they need. Nothing
  // else of the entry changes.
  absl::Status Relocate(absl::string_view name);
  void SetPending(absl::string_view name, EntryPtr entry);
  void GiveBackGrowth();
  void End();

  std::shared_ptr<Store> store_;  // null once over
  // What differs from the store: null means removed.
  absl::flat_hash_map<std::string, EntryPtr> pending_;
  // Published extents that were grown since the last Publish, and what they had before.
  struct Grown {
    std::shared_ptr<Extent> extent;
    uint64_t capacity;
  };
  std::vector<Grown> grown_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_TRANSACTION_H_
