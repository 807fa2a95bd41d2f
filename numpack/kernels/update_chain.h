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

// The values beside x, of the same dtype as the array that is updated.
struct Operand {
  // `values`: ScalarCount() elements, copied when appended.
  static Operand Scalars(const void* values) { return {OperandKind::kScalar, values, 0}; }
  // `elements` elements, read when the chain runs. May be the updated array itself, else must not
  // share a byte with it.
  static Operand Array(const void* data, int64_t elements) {
    return {OperandKind::kArray, data, elements};
  }

  OperandKind kind;
  const void* data;
  int64_t elements;  // arrays only
};

// Not thread-safe. Owns nothing: the arrays must outlive Run().
class UpdateChain {
 public:
  // `data` may be null when there are no elements.
  UpdateChain(DType dtype, std::byte* data, int64_t elements)
      : dtype_(dtype), data_(data), elements_(elements) {}

  // Records one operation. What is wrong with it is reported by Run().
  void Append(Operation operation, const Operand& operand);

  // Makes Run() fail with `status` unless something failed before.
  void Fail(absl::Status status) { status_.Update(std::move(status)); }

  // At most this many threads take part, the caller included; 0, the default, means as many as
  // DefaultWorkerThreads() has. Arrays for which a second thread does not pay are left to the
  // caller alone.
  void set_max_threads(int threads) { max_threads_ = threads; }

  // Applies the operations in the order in which they were recorded; may be called again to apply
  // them again. InvalidArgument, with the array untouched, when an operation does not exist for the
  // dtype, when an array operand has another number of elements or overlaps the updated array in
  // part, or when memory is not aligned for its elements. Floating-point exceptions are raised in
  // the calling thread, as <cfenv> tells.
  absl::Status Run() const;

 private:
  struct Step {
    Operation operation;
    Kernel kernel;
    const std::byte* array;  // null: the scalars below
    alignas(16) std::array<std::byte, 32> scalars;
  };

  absl::Status Check(Operation operation, const Operand& operand) const;
  bool JoinWithLast(Operation operation, const Operand& operand);
  void Update(int64_t begin, int64_t end) const;
  void UpdateTile(int64_t begin, int64_t end) const;
  void UpdateOnManyThreads() const;
  bool WorthAnotherThread() const;

  DType dtype_;
  std::byte* data_;
  int64_t elements_;
  int max_threads_ = 0;
  absl::Status status_;
  absl::InlinedVector<Step, 4> steps_;
};

// One operation on its own. Errors as UpdateChain::Run().
absl::Status ApplyInPlace(Operation operation, DType dtype, std::byte* data, int64_t elements,
                          const Operand& operand, int max_threads = 0);

}  // namespace numpack

#endif  // NUMPACK_KERNELS_UPDATE_CHAIN_H_
