#include "numpack/kernels/update_chain.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/worker_threads.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"

namespace numpack {
namespace {

// Leaves room in a first-level cache of 32 KiB for the tile of an array operand.
constexpr uintptr_t kTileBytes = 16 << 10;

// Where another thread begins to pay, in bytes times operations; measured by bench/kernels_bench.
constexpr int64_t kWorthAnAwakeThread = 256 << 10;
constexpr int64_t kWorthASleepingThread = 2 << 20;

// What a thread takes at a time: a sixteenth of the array keeps late threads from being waited for,
// within limits where a step costs nothing and where the array is still spread evenly.
constexpr int64_t kPageBytes = 4096;
constexpr int64_t kMinChunkBytes = 32 << 10;
constexpr int64_t kMaxChunkBytes = 1 << 20;

int64_t ChunkBytes(int64_t bytes) {
  return std::clamp(bytes / 16, kMinChunkBytes, kMaxChunkBytes) / kPageBytes * kPageBytes;
}

uintptr_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Elements are as aligned as C++ wants their type: complex numbers as their parts.
size_t AlignmentOf(DType dtype) { return std::min(ItemSize(dtype), alignof(double)); }

bool OverlapsInPart(const void* a, const void* b, size_t bytes) {
  const uintptr_t distance =
      Address(a) > Address(b) ? Address(a) - Address(b) : Address(b) - Address(a);
  return distance != 0 && distance < bytes;
}

}  // namespace

absl::Status UpdateChain::Check(Operation operation, const Operand& operand) const {
  if (!IsSupported(operation, operand.kind, dtype_)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no in-place ", OperationName(operation), " of ", DTypeName(dtype_),
        " elements with ", operand.kind == OperandKind::kScalar ? "a scalar" : "an array"));
  }
  const size_t alignment = AlignmentOf(dtype_);
  if (Address(data_) % alignment != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the array is not aligned to ", alignment, " bytes"));
  }
  if (operand.kind == OperandKind::kScalar) return absl::OkStatus();
  if (operand.elements != elements_) {
    return absl::InvalidArgumentError(absl::StrCat(OperationName(operation),
                                                   " needs an operand of ", elements_,
                                                   " elements, not ", operand.elements));
  }
  if (Address(operand.data) % alignment != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the operand is not aligned to ", alignment, " bytes"));
  }
  if (OverlapsInPart(data_, operand.data, static_cast<size_t>(elements_) * ItemSize(dtype_))) {
    return absl::InvalidArgumentError("the operand overlaps a part of the array that is updated");
  }
  return absl::OkStatus();
}

void UpdateChain::Append(Operation operation, const Operand& operand) {
  if (absl::Status status = Check(operation, operand); !status.ok()) return Fail(std::move(status));
  if (JoinWithLast(operation, operand)) return;
  Step& step = steps_.emplace_back();
  step.operation = operation;
  step.kernel = FindKernel(operation, operand.kind, dtype_);
  if (operand.kind == OperandKind::kArray) {
    step.array = static_cast<const std::byte*>(operand.data);
  } else {
    step.array = nullptr;
    std::memcpy(step.scalars.data(), operand.data, ScalarCount(operation) * ItemSize(dtype_));
  }
}

// x * a followed by + b is one kernel with the same two roundings, and one pass over the tile less.
bool UpdateChain::JoinWithLast(Operation operation, const Operand& operand) {
  if (steps_.empty() || operation != Operation::kAdd || operand.kind != OperandKind::kScalar) {
    return false;
  }
  Step& last = steps_.back();
  if (last.operation != Operation::kMultiply || last.array != nullptr) return false;
  const Kernel joined = FindKernel(Operation::kMultiplyAdd, OperandKind::kScalar, dtype_);
  if (joined == nullptr) return false;
  last.operation = Operation::kMultiplyAdd;
  last.kernel = joined;
  std::memcpy(last.scalars.data() + ItemSize(dtype_), operand.data, ItemSize(dtype_));
  return true;
}

absl::Status UpdateChain::Run() const {
  if (!status_.ok()) return status_;
  if (elements_ == 0 || steps_.empty()) return absl::OkStatus();
  if (WorthAnotherThread()) {
    UpdateOnManyThreads();
  } else {
    Update(0, elements_);
  }
  return absl::OkStatus();
}

bool UpdateChain::WorthAnotherThread() const {
  const int64_t work = elements_ * static_cast<int64_t>(ItemSize(dtype_) * steps_.size());
  if (max_threads_ == 1 || work < kWorthAnAwakeThread) return false;
  return work >= kWorthASleepingThread || DefaultWorkerThreads().awake();
}

// Chunks begin at multiples of the page size in memory, so that no two threads write to one page or
// cache line.
void UpdateChain::UpdateOnManyThreads() const {
  const auto item = static_cast<int64_t>(ItemSize(dtype_));
  const int64_t before =
      static_cast<int64_t>(Address(data_) % kPageBytes);  // from a page's start to the array
  const int64_t bytes = elements_ * item;
  // The element that starts at or after this many bytes from that page's start.
  const auto element_at = [&](int64_t offset) {
    return std::clamp((offset - before + item - 1) / item, int64_t{0}, elements_);
  };
  DefaultWorkerThreads().ParallelFor(
      before + bytes, ChunkBytes(bytes),
      [&](int64_t begin, int64_t end) {
        Update(begin < before ? 0 : element_at(begin), element_at(end));
      },
      max_threads_);
}

// Tiles end at multiples of their size in memory: only the first and the last one are not made of
// whole vectors.
void UpdateChain::Update(int64_t begin, int64_t end) const {
  if (steps_.size() == 1) return UpdateTile(begin, end);
  const auto item = static_cast<int64_t>(ItemSize(dtype_));
  while (begin < end) {
    const uintptr_t position = Address(data_ + begin * item);
    const auto room = static_cast<int64_t>(kTileBytes - position % kTileBytes) / item;
    const int64_t tile_end = std::min(end, begin + std::max<int64_t>(room, 1));
    UpdateTile(begin, tile_end);
    begin = tile_end;
  }
}

void UpdateChain::UpdateTile(int64_t begin, int64_t end) const {
  const auto item = static_cast<int64_t>(ItemSize(dtype_));
  for (const Step& step : steps_) {
    const std::byte* operand =
        step.array == nullptr ? step.scalars.data() : step.array + begin * item;
    step.kernel(data_ + begin * item, operand, static_cast<size_t>(end - begin));
  }
}

absl::Status ApplyInPlace(Operation operation, DType dtype, std::byte* data, int64_t elements,
                          const Operand& operand, int max_threads) {
  UpdateChain chain(dtype, data, elements);
  chain.Append(operation, operand);
  chain.set_max_threads(max_threads);
  return chain.Run();
}

}  // namespace numpack
