#include "numpack/kernels/update_chain.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/worker_threads.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"

namespace numpack {
namespace {

// Leaves room in a first-level cache of 32 KiB for the tile of an array operand.
constexpr int64_t kTileBytes = 16 << 10;

// Shorter rows are not worth a call of a kernel each, where they lie one after another.
constexpr int64_t kLongRowBytes = 4 << 10;

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

uintptr_t AddressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Elements are as aligned as C++ wants their type: complex numbers as their parts.
int64_t AlignmentOf(DType dtype) {
  switch (dtype) {
    case DType::kComplex64:
      return alignof(float);
    case DType::kComplex128:
      return alignof(double);
    default:
      return static_cast<int64_t>(ItemSize(dtype));
  }
}

bool IsAligned(const void* data, int64_t stride, int64_t alignment) {
  return AddressOf(data) % static_cast<uintptr_t>(alignment) == 0 && stride % alignment == 0;
}

// `rows` pieces of memory of `bytes` bytes, one every `stride`.
struct Pieces {
  uintptr_t data;
  int64_t rows;
  int64_t bytes;
  int64_t stride;

  uintptr_t begin() const { return stride < 0 ? data + (rows - 1) * stride : data; }
  uintptr_t end() const { return begin() + (rows - 1) * std::abs(stride) + bytes; }
};

bool ShareBytes(const Pieces& a, const Pieces& b) {
  if (a.end() <= b.begin() || b.end() <= a.begin()) return false;
  if (a.stride != b.stride || a.stride == 0) return true;
  // Both repeat in the same rhythm: do they take turns?
  const auto period = static_cast<uintptr_t>(std::abs(a.stride));
  const uintptr_t offset = (b.begin() - a.begin() % period + period) % period;
  return offset < static_cast<uintptr_t>(a.bytes) ||
         offset + static_cast<uintptr_t>(b.bytes) > period;
}

template <typename T>
T Read(const void* data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

// The exponent of a power as a number; exact where it is one that is allowed.
double ExponentOf(DType dtype, const void* scalar) {
  switch (dtype) {
    case DType::kInt8:
      return Read<int8_t>(scalar);
    case DType::kInt16:
      return Read<int16_t>(scalar);
    case DType::kInt32:
      return Read<int32_t>(scalar);
    case DType::kInt64:
      return static_cast<double>(Read<int64_t>(scalar));
    case DType::kFloat16:
      return ToFloat32(Read<Float16>(scalar));
    case DType::kFloat32:
      return Read<float>(scalar);
    case DType::kFloat64:
      return Read<double>(scalar);
    default:
      return 0;  // unsigned: all are allowed
  }
}

absl::Status CheckExponent(DType dtype, const void* scalar) {
  const double exponent = ExponentOf(dtype, scalar);
  const bool is_float =
      dtype == DType::kFloat16 || dtype == DType::kFloat32 || dtype == DType::kFloat64;
  if (!is_float) {
    if (exponent >= 0) return absl::OkStatus();
    return absl::InvalidArgumentError("integers have no negative powers");
  }
  if (exponent >= 0 && exponent <= kMaxPower && exponent == std::floor(exponent)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("power needs a whole exponent from 0 to ", kMaxPower, ", not ", exponent));
}

const char* SourceName(Operand::Source source) {
  switch (source) {
    case Operand::Source::kNone:
      return "no operand";
    case Operand::Source::kScalars:
      return "a scalar";
    default:
      return "an array";
  }
}

// Copies of one element.
template <typename T>
void Repeat(const std::byte* element, int64_t count, std::byte* to) {
  std::fill_n(reinterpret_cast<T*>(to), count, Read<T>(element));
}
void RepeatElement(const std::byte* element, int64_t item, int64_t count, std::byte* to) {
  switch (item) {
    case 1:
      return Repeat<uint8_t>(element, count, to);
    case 2:
      return Repeat<uint16_t>(element, count, to);
    case 4:
      return Repeat<uint32_t>(element, count, to);
    case 8:
      return Repeat<uint64_t>(element, count, to);
    default:
      return Repeat<std::complex<double>>(element, count, to);
  }
}

OperandKind KindOf(Operand::Source source) {
  if (source == Operand::Source::kNone) return OperandKind::kNone;
  return source == Operand::Source::kScalars ? OperandKind::kScalar : OperandKind::kArray;
}

}  // namespace

// An element, by its row and by its place in it.
struct UpdateChain::Position {
  int64_t row;
  int64_t column;
};

UpdateChain::UpdateChain(DType dtype, const RowSpan& target) : dtype_(dtype), target_(target) {
  if (target_.rows == 1) target_.stride = target_.row_elements * item();
  contiguous_ = target_.stride == target_.row_elements * item();
}

// -- recording ------------------------------------------------------------------------------------

absl::Status UpdateChain::CheckTarget() const {
  if (target_.rows < 0 || target_.row_elements < 0) {
    return absl::InvalidArgumentError("the array has a negative number of elements");
  }
  if (target_.rows > 1 && std::abs(target_.stride) < target_.row_elements * item()) {
    return absl::InvalidArgumentError("rows of the array overlap");
  }
  if (!IsAligned(target_.data, target_.stride, AlignmentOf(dtype_))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the array is not aligned to ", AlignmentOf(dtype_), " bytes"));
  }
  return absl::OkStatus();
}

absl::Status UpdateChain::Check(Operation operation, const Operand& operand) const {
  if (!IsSupported(operation, KindOf(operand.source), dtype_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no in-place ", OperationName(operation), " of ", DTypeName(dtype_),
                     " elements with ", SourceName(operand.source)));
  }
  if (absl::Status status = CheckTarget(); !status.ok()) return status;
  if (operation == Operation::kPower) return CheckExponent(dtype_, operand.data);
  return KindOf(operand.source) == OperandKind::kArray ? CheckArray(operation, operand)
                                                       : absl::OkStatus();
}

absl::Status UpdateChain::CheckArray(Operation operation, const Operand& operand) const {
  const int64_t elements = target_.rows * target_.row_elements;
  if (operand.source == Operand::Source::kArray && operand.row_elements != elements) {
    return absl::InvalidArgumentError(absl::StrCat(OperationName(operation),
                                                   " needs an operand of ", elements,
                                                   " elements, not ", operand.row_elements));
  }
  const bool has_rows =
      operand.source == Operand::Source::kRows || operand.source == Operand::Source::kColumn;
  const bool has_columns =
      operand.source == Operand::Source::kRows || operand.source == Operand::Source::kRow;
  if ((has_rows && operand.rows != target_.rows) ||
      (has_columns && operand.row_elements != target_.row_elements)) {
    return absl::InvalidArgumentError(absl::StrCat(
        OperationName(operation), " of ", target_.rows, " rows of ", target_.row_elements,
        " elements cannot have an operand of ", operand.rows, " rows of ", operand.row_elements));
  }
  if (!IsAligned(operand.data, operand.stride, AlignmentOf(dtype_))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the operand is not aligned to ", AlignmentOf(dtype_), " bytes"));
  }
  if (elements == 0) return absl::OkStatus();
  const Pieces target = {AddressOf(target_.data), target_.rows, target_.row_elements * item(),
                         target_.stride};
  const Pieces values = {AddressOf(operand.data), operand.rows, operand.row_elements * item(),
                         operand.stride};
  const bool is_target =
      target.data == values.data && ((operand.source == Operand::Source::kArray && contiguous_) ||
                                     (operand.source == Operand::Source::kRows &&
                                      (operand.stride == target_.stride || target_.rows == 1)));
  if (!is_target && ShareBytes(target, values)) {
    return absl::InvalidArgumentError("the operand overlaps a part of the array that is updated");
  }
  return absl::OkStatus();
}

void UpdateChain::Append(Operation operation, const Operand& operand) {
  if (absl::Status status = Check(operation, operand); !status.ok()) return Fail(std::move(status));
  if (JoinWithLast(operation, operand)) return;
  using Source = Operand::Source;
  Step step = {};
  step.kernel = FindKernel(operation, KindOf(operand.source), dtype_);
  step.array_kernel = step.kernel;
  step.multiplies_by_scalar =
      operation == Operation::kMultiply && operand.source == Source::kScalars;
  step.crosses_rows = true;
  switch (operand.source) {
    case Source::kNone:
      break;
    case Source::kScalars:
      std::memcpy(step.scalars.data(), operand.data, ScalarCount(operation) * ItemSize(dtype_));
      break;
    case Source::kColumn:
      step.kernel = FindKernel(operation, OperandKind::kScalar, dtype_);
      step.values = static_cast<const std::byte*>(operand.data);
      step.row_stride = operand.stride;
      step.crosses_rows = target_.rows <= 1;
      break;
    default:
      step.values = static_cast<const std::byte*>(operand.data);
      step.element_stride = item();
      step.row_stride =
          operand.source == Source::kArray ? target_.row_elements * item() : operand.stride;
      step.crosses_rows = target_.rows <= 1 || step.row_stride == target_.row_elements * item();
      break;
  }
  steps_.push_back(step);
}

void UpdateChain::Cast(DType to) {
  const Kernel kernel = FindCast(dtype_, to);
  if (kernel == nullptr) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(DTypeName(dtype_), " elements cannot be cast in place to ", DTypeName(to))));
  }
  if (absl::Status status = CheckTarget(); !status.ok()) return Fail(std::move(status));
  Step step = {};
  step.kernel = kernel;
  step.array_kernel = kernel;
  step.crosses_rows = true;
  steps_.push_back(step);
  dtype_ = to;
}

// x * a followed by + b is one kernel with the same two roundings, and one pass over the tile less.
bool UpdateChain::JoinWithLast(Operation operation, const Operand& operand) {
  if (steps_.empty() || operation != Operation::kAdd ||
      operand.source != Operand::Source::kScalars) {
    return false;
  }
  Step& last = steps_.back();
  if (!last.multiplies_by_scalar) return false;
  const Kernel joined = FindKernel(Operation::kMultiplyAdd, OperandKind::kScalar, dtype_);
  if (joined == nullptr) return false;
  last.kernel = joined;
  last.array_kernel = joined;
  last.multiplies_by_scalar = false;
  std::memcpy(last.scalars.data() + ItemSize(dtype_), operand.data, ItemSize(dtype_));
  return true;
}

// -- running --------------------------------------------------------------------------------------

absl::Status UpdateChain::Run() const {
  if (!status_.ok()) return status_;
  const int64_t elements = target_.rows * target_.row_elements;
  if (elements == 0 || steps_.empty()) return absl::OkStatus();
  if (WorthAnotherThread()) {
    UpdateOnManyThreads();
  } else {
    Update(0, elements);
  }
  return absl::OkStatus();
}

bool UpdateChain::WorthAnotherThread() const {
  const int64_t work =
      target_.rows * target_.row_elements * item() * static_cast<int64_t>(steps_.size());
  if (max_threads_ == 1 || work < kWorthAnAwakeThread) return false;
  return work >= kWorthASleepingThread || DefaultWorkerThreads().awake();
}

// Elements are counted through all rows.
void UpdateChain::UpdateOnManyThreads() const {
  const int64_t row_bytes = target_.row_elements * item();
  if (contiguous_) return SplitSpan(0, target_.rows * target_.row_elements);
  if (row_bytes > kMaxChunkBytes) {
    for (int64_t row = 0; row < target_.rows; ++row) {
      SplitSpan(row * target_.row_elements, (row + 1) * target_.row_elements);
    }
    return;
  }
  const int64_t rows = std::max<int64_t>(1, ChunkBytes(target_.rows * row_bytes) / row_bytes);
  DefaultWorkerThreads().ParallelFor(
      target_.rows, rows,
      [&](int64_t begin, int64_t end) {
        Update(begin * target_.row_elements, end * target_.row_elements);
      },
      max_threads_);
}

// Of elements without a gap. Chunks begin at multiples of the page size in memory, so that no two
// threads write to one page or cache line.
void UpdateChain::SplitSpan(int64_t begin, int64_t end) const {
  const std::byte* const data =
      Address({begin / target_.row_elements, begin % target_.row_elements});
  const auto before =
      static_cast<int64_t>(AddressOf(data) % kPageBytes);  // from a page's start to the span
  const int64_t bytes = (end - begin) * item();
  // The element that starts at or after this many bytes from that page's start.
  const auto element_at = [&](int64_t offset) {
    return begin + std::clamp((offset - before + item() - 1) / item(), int64_t{0}, end - begin);
  };
  DefaultWorkerThreads().ParallelFor(
      before + bytes, ChunkBytes(bytes),
      [&](int64_t from, int64_t to) {
        Update(from < before ? begin : element_at(from), element_at(to));
      },
      max_threads_);
}

std::byte* UpdateChain::Address(const Position& at) const {
  return target_.data + at.row * target_.stride + at.column * item();
}

void UpdateChain::Update(int64_t begin, int64_t end) const {
  Position at = {begin / target_.row_elements, begin % target_.row_elements};
  while (begin < end) {
    const int64_t count = TileLength(at, end - begin);
    UpdateTile(at, count);
    begin += count;
    at.column += count;
    if (at.column >= target_.row_elements) {
      at.row += at.column / target_.row_elements;
      at.column %= target_.row_elements;
    }
  }
}

// How many of the next `left` elements are updated together. Tiles end at multiples of their size
// in memory: only the first and the last one are not made of whole vectors.
int64_t UpdateChain::TileLength(const Position& at, int64_t left) const {
  bool crosses_rows = contiguous_;
  bool gathers = false;
  for (const Step& step : steps_) gathers = gathers || !step.crosses_rows;
  if (gathers && target_.row_elements * item() >= kLongRowBytes) {
    gathers = false;
    crosses_rows = false;
  }
  if (!crosses_rows) left = std::min(left, target_.row_elements - at.column);
  if (steps_.size() == 1 && !gathers) return left;
  const auto position = static_cast<int64_t>(AddressOf(Address(at)) % kTileBytes);
  return std::min(left, std::max<int64_t>(1, (kTileBytes - position) / item()));
}

void UpdateChain::UpdateTile(const Position& at, int64_t count) const {
  const bool in_one_row = count <= target_.row_elements - at.column;
  std::byte* const data = Address(at);
  for (const Step& step : steps_) {
    if (step.values == nullptr) {
      step.kernel(data, step.scalars.data(), static_cast<size_t>(count));
    } else if (in_one_row || step.crosses_rows) {
      step.kernel(data, step.values + at.row * step.row_stride + at.column * step.element_stride,
                  static_cast<size_t>(count));
    } else {
      alignas(64) std::array<std::byte, kTileBytes> values;
      GatherValues(step, at, count, values.data());
      step.array_kernel(data, values.data(), static_cast<size_t>(count));
    }
  }
}

// The values beside `count` elements of several rows, one after another.
void UpdateChain::GatherValues(const Step& step, Position at, int64_t count, std::byte* to) const {
  while (count > 0) {
    const int64_t some = std::min(count, target_.row_elements - at.column);
    const std::byte* const from =
        step.values + at.row * step.row_stride + at.column * step.element_stride;
    if (step.element_stride == 0) {
      RepeatElement(from, item(), some, to);
    } else {
      std::memcpy(to, from, static_cast<size_t>(some * item()));
    }
    to += some * item();
    count -= some;
    at = {at.row + 1, 0};
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
