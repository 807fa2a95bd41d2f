// WritableBatch: stored arrays as writable memory, mapped straight from the files.
//
// Load returns the file's own bytes: no copy, the same array each time, and every store through it
// is a change of the stored array, visible at once to all readers of the process. Nothing needs to
// be saved; Finish flushes. Shapes and dtypes cannot change here; Batch is the mode for that.
//
// In-place changes are not atomic: after a crash in the middle an array may be a mixture of old and
// new elements. The store itself stays sound, and ArrayStore::Interrupted names the arrays
// concerned. With WritableBatchOptions::atomic there is no such middle: Load copies the array once,
// to other blocks of the store's files, and Finish makes all copies the stored arrays, in one
// commit. Until then readers see the old elements, and after a crash they are there. Blocks are
// reserved before an array is handed out, so a full disk is an error of Load, not a signal later.
// Until Finish, other changes to the arrays handed out are FailedPrecondition; other arrays are
// free.
//
// Where files are not mapped (StoreOptions::mappings), Load returns a copy: readers see its changes
// once ArrayStore::Flush or Finish has written them to the file, and a kill before that loses them.
// All else is as above.
//
// An array kept after the end stays valid memory: its pages are cut off from the file where the
// system can do that, so stores through it stay in the process.
//
// Thread-safe; storing into one array from two threads is the caller's business.
#ifndef NUMPACK_BATCH_WRITABLE_BATCH_H_
#define NUMPACK_BATCH_WRITABLE_BATCH_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/core/array.h"
#include "numpack/core/view.h"

namespace numpack {

struct WritableBatchOptions {
  // Whether all arrays change together at the end, or none. Takes room on the disk for a second
  // copy of what is loaded. Default: no, changes are made where the arrays lie.
  bool atomic = false;
};

class WritableBatchState;

class WritableBatch {
 public:
  // For NumPack::BeginWritable. Starts a writable batch, or joins the one that `state` is (a nested
  // one).
  explicit WritableBatch(std::shared_ptr<WritableBatchState> state);
  WritableBatch(WritableBatch&& other) noexcept;
  WritableBatch& operator=(WritableBatch&& other) noexcept;
  // If the batch has not ended: finishes it, its error is lost; an atomic one is discarded.
  ~WritableBatch();

  bool atomic() const;

  // The stored array as writable memory.
  absl::StatusOr<AnyArray> Load(absl::string_view name);
  template <typename T>
  absl::StatusOr<Array<T>> Load(absl::string_view name) {
    absl::StatusOr<AnyArray> array = Load(name);
    if (!array.ok()) return array.status();
    return array->As<T>();
  }

  // OK, and nothing else, when `view` is the memory that Load returned for `name`.
  // FailedPrecondition otherwise: other values, shapes and dtypes need a Batch.
  absl::Status Save(absl::string_view name, const ArrayView& view);

  // Names handed out so far.
  std::vector<std::string> LoadedNames() const;

  // Ends the batch: flushes the changes (durably, unless durability is kNone) and cuts the arrays
  // off from the files. A nested batch leaves that to the outermost. Every array is finished even
  // if an earlier one fails; the first error is returned. An atomic one publishes all arrays, or,
  // after an error, none. Aborted: a nested atomic batch was discarded, and so is the whole.
  absl::Status Finish();

  // Ends an atomic batch and publishes nothing; the stored arrays are what they were. A nested
  // batch takes the outermost with it: see Finish. FailedPrecondition when the batch has ended
  // already, or is not atomic: then it goes on.
  absl::Status Discard();

 private:
  // The state to work on, or FailedPrecondition once this batch has ended.
  absl::StatusOr<WritableBatchState*> Active() const;

  std::shared_ptr<WritableBatchState> state_;  // null only in a batch that was moved from
  // Other threads may be in the middle of an operation when it is set: the state stays.
  std::atomic<bool> ended_{false};
};

}  // namespace numpack

#endif  // NUMPACK_BATCH_WRITABLE_BATCH_H_
