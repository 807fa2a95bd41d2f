// UpdateChain: elementwise operations on one array of run-time dtype, recorded first and then run
// together.
//
//   UpdateChain chain(DType::kFloat32, data, elements);
//   chain.Append(Operation::kMultiply, Operand::Scalars(&factor));
//   chain.Append(Operation::kAdd, Operand::Array(other, elements));
//   absl::Status status = chain.Run();
//
// Memory is passed over once: the array is cut into tiles that stay in the first-level cache while
// all operations are applied to them. The result is that of the separate operations, bit for bit,
// on any number of threads. The typed face is in_place.h; this is what it and the language bindings
// stand on.
#ifndef NUMPACK_KERNELS_UPDATE_CHAIN_H_
#define NUMPACK_KERNELS_UPDATE_CHAIN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"

namespace numpack {

// An array that is updated: rows of contiguous elements, the starts of neighbours `stride` bytes
// apart. Whatever has contiguous elements along its last axis and folds to two axes.
struct RowSpan {
  std::byte* data = nullptr;  // may be null when there are no elements
  int64_t rows = 0;
  int64_t row_elements = 0;
  int64_t stride =
      0;  // at least the bytes of a row, or at most minus those; one row: of no account
};

// The values beside x, of the same dtype as the array that is updated. Arrays are read when the
// chain runs. They may be the updated array itself, but a single row or column; else must not share
// a byte with it.
struct Operand {
  enum class Source : uint8_t { kNone, kScalars, kArray, kRows, kRow, kColumn };

  // For operations without.
  static Operand None() { return {Source::kNone, nullptr, 0, 0, 0}; }
  // `values`: ScalarCount() elements, copied when appended.
  static Operand Scalars(const void* values) { return {Source::kScalars, values, 0, 0, 0}; }
  // As many contiguous elements as are updated, in the order of rows.
  static Operand Array(const void* data, int64_t elements) {
    return {Source::kArray, data, 1, elements, 0};
  }
  // As many rows of as many elements; `stride` is any number of bytes.
  static Operand Rows(const void* data, int64_t rows, int64_t row_elements, int64_t stride) {
    return {Source::kRows, data, rows, row_elements, stride};
  }
  // One row, the same beside each that is updated.
  static Operand Row(const void* data, int64_t row_elements) {
    return {Source::kRow, data, 1, row_elements, 0};
  }
  // One element for each row, `stride` bytes apart.
  static Operand Column(const void* data, int64_t rows, int64_t stride) {
    return {Source::kColumn, data, rows, 1, stride};
  }

  Source source;
  const void* data;
  int64_t rows;
  int64_t row_elements;
  int64_t stride;
};

// Not thread-safe. Owns nothing: the arrays must outlive Run().
class UpdateChain {
 public:
  UpdateChain(DType dtype, const RowSpan& target);
  // Contiguous elements. `data` may be null when there are none.
  UpdateChain(DType dtype, std::byte* data, int64_t elements)
      : UpdateChain(dtype, RowSpan{data, 1, elements, 0}) {}

  // Records one operation. What is wrong with it is reported by Run().
  void Append(Operation operation, const Operand& operand);

  // Converts the elements to another type of the same size (FindCast); operations that are
  // appended later, and their operands, are of that type.
  void Cast(DType to);

  // Makes Run() fail with `status` unless something failed before.
  void Fail(absl::Status status) { status_.Update(std::move(status)); }

  // At most this many threads take part, the caller included; 0, the default, means as many as
  // DefaultWorkerThreads() has. Arrays for which a second thread does not pay are left to the
  // caller alone.
  void set_max_threads(int threads) { max_threads_ = threads; }

  // Of the elements after all that was recorded.
  DType dtype() const { return dtype_; }

  // Applies the operations in the order in which they were recorded; may be called again to apply
  // them again. InvalidArgument, with the array untouched, when an operation does not exist for the
  // dtype or a power has no such exponent, when an array operand has another number of elements or
  // overlaps the updated array in part, or when memory is not aligned for its elements.
  // Floating-point exceptions are raised in the calling thread, as <cfenv> tells.
  absl::Status Run() const;

 private:
  // One operation. The value beside the element in `row` and `column` lies at
  // values + row * row_stride + column * element_stride.
  struct Step {
    Kernel kernel;        // for elements of one row
    Kernel array_kernel;  // for any, with an array of values beside them
    bool multiplies_by_scalar;
    bool crosses_rows;        // values of a row follow on those of the row before
    const std::byte* values;  // null: the scalars below
    int64_t row_stride;
    int64_t element_stride;
    alignas(16) std::array<std::byte, 32> scalars;
  };
  struct Position;

  int64_t item() const { return static_cast<int64_t>(ItemSize(dtype_)); }
  absl::Status CheckTarget() const;
  absl::Status Check(Operation operation, const Operand& operand) const;
  absl::Status CheckArray(Operation operation, const Operand& operand) const;
  bool JoinWithLast(Operation operation, const Operand& operand);

  bool WorthAnotherThread() const;
  void UpdateOnManyThreads() const;
  void SplitSpan(int64_t begin, int64_t end) const;
  void Update(int64_t begin, int64_t end) const;
  int64_t TileLength(const Position& at, int64_t left) const;
  void UpdateTile(const Position& at, int64_t count) const;
  void GatherValues(const Step& step, Position at, int64_t count, std::byte* to) const;
  std::byte* Address(const Position& at) const;

  DType dtype_;
  RowSpan target_;
  bool contiguous_;  // no gaps between rows
  int max_threads_ = 0;
  absl::Status status_;
  absl::InlinedVector<Step, 4> steps_;
};

// One operation on its own. Errors as UpdateChain::Run().
absl::Status ApplyInPlace(Operation operation, DType dtype, std::byte* data, int64_t elements,
                          const Operand& operand, int max_threads = 0);

}  // namespace numpack

#endif  // NUMPACK_KERNELS_UPDATE_CHAIN_H_
