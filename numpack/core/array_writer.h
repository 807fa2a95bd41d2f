// ArrayWriter: saves arrays piece by piece, so that one which is larger than memory can be stored.
//
//   auto writer = ArrayWriter::Begin(store);
//   writer->Start("w", DType::kFloat32, {1000, 100});
//   while (...) writer->Write(piece);          // in C order, until 400,000 bytes have come
//   writer->Commit();                          // all arrays become visible together
//
// It has the store's writer lock from Begin to its end; readers see the state before it until
// Commit, and destroying it without Commit leaves the store as it was. Not thread-safe. Errors: see
// transaction.h.
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
  // Unavailable when the writer lock is not to be had in time.
  static absl::StatusOr<ArrayWriter> Begin(ArrayStore& store);

  // Begins an array, instead of what has that name. FailedPrecondition while the one before lacks
  // bytes; InvalidArgument for an invalid shape.
  absl::Status Start(absl::string_view name, DType dtype, absl::Span<const int64_t> shape);
  // The next bytes of its elements, little-endian. OutOfRange when they are more than the array
  // has.
  absl::Status Write(absl::Span<const std::byte> bytes);
  // Whether there is such an array, begun here or before.
  bool Contains(absl::string_view name) const { return pending_.Contains(name); }

  // Publishes all arrays as one commit, and ends. FailedPrecondition, and nothing is published,
  // when the last one lacks bytes.
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
};

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_WRITER_H_
