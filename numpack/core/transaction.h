// Transaction: changes to a store that become visible together, or not at all.
//
// It holds the store's writer lock from its beginning to its end; readers are not blocked and see
// the state before it until Commit. Every change to arrays there is, in normal mode and in a batch,
// is one of the methods below; ArrayStore's own Save, Append, ... are transactions of one change.
//
// All methods see the pending state. A failing method changes nothing, and the transaction stays
// usable. Not thread-safe (Batch is). Destroying it without Commit rolls back.
//
// Errors of every method: NotFound names a missing array; InvalidArgument says which shape or dtype
// was expected and found; OutOfRange names a row index; ResourceExhausted no space;
// FailedPrecondition the array is open in writable mode, or the transaction is over; others as the
// backend gives them.
#ifndef NUMPACK_CORE_TRANSACTION_H_
#define NUMPACK_CORE_TRANSACTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/array.h"
#include "numpack/core/array_info.h"
#include "numpack/core/lazy_array.h"
#include "numpack/core/view.h"
#include "numpack/storage/transaction.h"

namespace numpack {

using storage::PlacedName;

// An array to store, and its place in the order of names: a new one takes `place`, or the next one
// when that is 0.
struct PlacedView {
  absl::string_view name;
  ArrayView view;
  uint64_t place = 0;
};

class Transaction {
 public:
  explicit Transaction(storage::Transaction pending) : pending_(std::move(pending)) {}

  // Reading.
  bool Contains(absl::string_view name) const;
  // In the order of first save; with `to_come`, which are saved later, at the places they took.
  std::vector<std::string> List(absl::Span<const PlacedName> to_come = {}) const;
  absl::StatusOr<ArrayInfo> Info(absl::string_view name) const;
  absl::StatusOr<LazyArray> Lazy(absl::string_view name) const;
  // Whether somebody, in any process, reads the elements that were there before this transaction,
  // or has them open in writable mode.
  bool IsHeld(absl::string_view name) const;

  // Stores `view` under `name`, replacing whatever was there. Any non-empty UTF-8 name will do. A
  // new one takes `place`, or the next one when that is 0.
  absl::Status Save(absl::string_view name, const ArrayView& view, uint64_t place = 0);
  // The same for each in turn; neighbouring small ones are written together. After an error the
  // first of them are stored.
  absl::Status SaveAll(absl::Span<const PlacedView> arrays);
  // Takes the next place in the order of names, for a name that is saved later.
  uint64_t TakePlace() { return pending_.TakePlace(); }

  // Adds `view`'s rows after the last. Rank, trailing shape and dtype must be those of the stored
  // array.
  absl::Status Append(absl::string_view name, const ArrayView& view);

  // Row rows[i] takes row i of `view`. Negative indexes count from the end; of repeated ones the
  // last wins.
  absl::Status ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                           const ArrayView& view);

  // The same, at once and as a commit of its own, by writing the rows where they lie. False, and
  // nothing is done, when that cannot be or is not worth it: there are other changes, somebody
  // holds the array, or it is small, or the rows are many.
  absl::StatusOr<bool> RewriteRows(absl::string_view name, absl::Span<const int64_t> rows,
                                   const ArrayView& view);

  // Takes rows away. Indexes outside the array are ignored, repeated ones count once, negative ones
  // count from the end. Of a large array a few rows are noted as dropped, and their bytes stay.
  absl::Status DropRows(absl::string_view name, absl::Span<const int64_t> rows);
  // Writes the array again without the rows that were dropped and only noted; nothing to do for
  // others. The bytes are then in one piece: views need no copy.
  absl::Status Compact(absl::string_view name);
  // All rows; the name, dtype and trailing shape stay.
  absl::Status DropAllRows(absl::string_view name);

  // Takes the array and its name away.
  absl::Status Remove(absl::string_view name);
  // All of them.
  absl::Status Clear();

  // A copy of `source` under the new name `target`. AlreadyExists when there is such an array.
  absl::Status Clone(absl::string_view source, absl::string_view target);
  absl::Status Rename(absl::string_view from, absl::string_view to);

  // Publishes all changes as one commit record, and goes on with none. After an error nothing is
  // published, and the changes are still pending.
  absl::Status Publish();

  // Publishes and ends the transaction. After an error nothing is published, and the changes are
  // lost; the stored state is what it was.
  absl::Status Commit();

 private:
  absl::Status SaveTogether(absl::Span<const PlacedView> arrays);
  absl::StatusOr<ArrayInfo> InfoWithRows(absl::string_view name) const;
  absl::StatusOr<std::vector<int64_t>> CheckReplacement(absl::string_view name,
                                                        const ArrayInfo& info,
                                                        absl::Span<const int64_t> rows,
                                                        const ArrayView& view) const;
  absl::Status WriteWithoutDropped(absl::string_view name, ArrayInfo info);
  absl::Status Put(absl::string_view name, ArrayInfo info, storage::PendingExtent bytes,
                   uint64_t place = 0);

  storage::Transaction pending_;
};

}  // namespace numpack

#endif  // NUMPACK_CORE_TRANSACTION_H_
