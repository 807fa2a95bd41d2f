// ArrayWriter: saves arrays piece by piece, so that one which is larger than memory can be stored.
//
//   auto writer = numpack::ArrayWriter::Begin(store);
//   writer->Start("w", numpack::DType::kFloat32, {1000, 100});
//   while (...) writer->Write(piece);          // in C order, until 400,000 bytes have come
//   writer->Commit();                          // all arrays become visible together
//
// It has the store's writer lock from Begin to its end; readers see the state before it until
// Commit, and destroying it without Commit leaves the store as it was. It is to end before the
// store is closed. Move-only. Not thread-safe.
//
// Errors: those of transaction.h, and what the methods name. A call that fails changes nothing and
// may be repeated, unless an array was complete and could not be put under its name (Start of the
// next one, or Commit: the name is too long, or the array it replaces is open in writable mode).
// From then on every call returns that error, and nothing is published.
#ifndef NUMPACK_CORE_ARRAY_WRITER_H_
#define NUMPACK_CORE_ARRAY_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/array_info.h"
#include "numpack/core/array_store.h"
#include "numpack/core/dtype.h"
#include "numpack/storage/transaction.h"

namespace numpack {

class ArrayWriter {
 public:
  // Unavailable when the writer lock is not to be had within StoreOptions::lock_wait: another
  // writer has it, or a batch of this process. PermissionDenied for a handle that was opened to
  // read only; FailedPrecondition when it is closed.
  static absl::StatusOr<ArrayWriter> Begin(ArrayStore& store);

  // Begins an array, which replaces what has that name; `shape` {} is a scalar, and a size may be
  // 0. Takes space for all of it: ResourceExhausted when there is none. FailedPrecondition while
  // the array before lacks bytes; InvalidArgument for an empty name, a negative size, or more
  // dimensions or bytes than an array may have.
  absl::Status Start(absl::string_view name, DType dtype, absl::Span<const int64_t> shape);
  // The next bytes of its elements, in C order and little-endian; a piece may end within an
  // element. They are copied before the call returns. OutOfRange when they are more than the array
  // lacks.
  absl::Status Write(absl::Span<const std::byte> bytes);
  // Whether there is such an array: begun here, or in the store.
  bool Contains(absl::string_view name) const {
    return (info_ != nullptr && name == name_) || pending_.Contains(name);
  }

  // Publishes all arrays as one commit, and ends. FailedPrecondition when the last one lacks bytes:
  // nothing is published, and the rest may still be written.
  absl::Status Commit();

 private:
  explicit ArrayWriter(storage::Transaction pending) : pending_(std::move(pending)) {}
  // Puts the array under its name once all its bytes have come.
  absl::Status Finish();

  storage::Transaction pending_;
  // Of the array that is being written, if there is one.
  std::unique_ptr<ArrayInfo> info_;
  std::string name_;
  storage::PendingExtent extent_;
  uint64_t written_ = 0;
  absl::Status given_up_;  // why a complete array could not be put under its name
};

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_WRITER_H_
