// In-place kernels: bytes per second, and their share of what the machine can do at all.
//
//   bazel run -c opt //bench:kernels_bench
//   bazel run -c opt //bench:kernels_bench -- --benchmark_filter=multiply/float32
//
// Each round times the kernel, an in-place copy of the same array and a hand-written loop one after
// another, so that all three meet the machine in the same mood; the counters compare medians over
// the rounds.
//
//   GB/s       bytes of the updated array per second; each is read and written once
//   of_copy    bytes moved per second (an array operand is read too) as a share of what the
//   in-place copy moves,
//              with the same number of threads
//   of_hand    speed as a share of the hand-written loop's, with the same number of threads, where
//   there is one: add, subtract, multiply, divide and multiply_add of four types
//   of_steps   chains: speed as a share of the same operations run separately
//
// Results are checked, bit for bit: against the hand-written loop, or else against the same kernel
// with one element at a time.
#include <algorithm>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/hand_loops.h"
#include "benchmark/benchmark.h"
#include "numpack/base/worker_threads.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"

namespace numpack::bench {
namespace {

using Clock = std::chrono::steady_clock;

// One side of a comparison, and how long its rounds took.
struct Contender {
  std::function<void()> run;
  std::vector<double> seconds = {};

  void Time(int repetitions) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < repetitions; ++i) run();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() / repetitions);
  }
  double Median() {
    const auto middle = seconds.begin() + static_cast<ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    return *middle;
  }
};

// Page-aligned, as mapped arrays are.
class Buffer {
 public:
  explicit Buffer(size_t bytes)
      : bytes_(bytes), data_(static_cast<std::byte*>(::operator new(bytes, kAlignment))) {}

  std::byte* data() const { return data_.get(); }
  size_t size() const { return bytes_; }

 private:
  static constexpr std::align_val_t kAlignment{4096};
  struct Free {
    void operator()(std::byte* data) const { ::operator delete(data, kAlignment); }
  };

  size_t bytes_;
  std::unique_ptr<std::byte, Free> data_;
};

template <typename T>
T Number(double value) {
  if constexpr (std::is_same_v<T, Float16>) {
    return ToFloat16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return static_cast<int>(value) % 2 == 1;
  } else {
    return static_cast<T>(value);
  }
}

// Calls `function` with a value of the dtype's C++ type.
template <typename Function>
auto WithType(DType dtype, Function function) {
  switch (dtype) {
    case DType::kBool:
      return function(bool{});
    case DType::kUint8:
      return function(uint8_t{});
    case DType::kUint16:
      return function(uint16_t{});
    case DType::kUint32:
      return function(uint32_t{});
    case DType::kUint64:
      return function(uint64_t{});
    case DType::kInt8:
      return function(int8_t{});
    case DType::kInt16:
      return function(int16_t{});
    case DType::kInt32:
      return function(int32_t{});
    case DType::kInt64:
      return function(int64_t{});
    case DType::kFloat16:
      return function(Float16{});
    case DType::kFloat32:
      return function(float{});
    case DType::kFloat64:
      return function(double{});
    case DType::kComplex64:
      return function(std::complex<float>{});
    default:
      return function(std::complex<double>{});
  }
}

// 1, 2, ... 7, 1, 2, ...
void Fill(DType dtype, const Buffer& buffer) {
  WithType(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* values = reinterpret_cast<T*>(buffer.data());
    for (size_t i = 0; i < buffer.size() / sizeof(T); ++i) {
      values[i] = Number<T>(static_cast<double>(i % 7 + 1));
    }
  });
}

// Operands near the neutral ones, so that many rounds lead neither to infinities nor to subnormals.
std::pair<double, double> OperandsOf(Operation operation) {
  switch (operation) {
    case Operation::kMultiply:
    case Operation::kDivide:
      return {1.0000001, 0};
    case Operation::kMultiplyAdd:
    case Operation::kFusedMultiplyAdd:
      return {0.5, 3};
    case Operation::kPower:
      return {1, 0};
    case Operation::kFloorDivide:
    case Operation::kRemainder:
      return {5, 0};
    case Operation::kClip:
      return {2, 6};
    default:
      return {1, 3};
  }
}

std::vector<std::byte> ScalarsOf(Operation operation, DType dtype) {
  return WithType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto [a, b] = OperandsOf(operation);
    const T scalars[] = {Number<T>(a), Number<T>(b)};
    std::vector<std::byte> bytes(sizeof(scalars));
    std::memcpy(bytes.data(), scalars, sizeof(scalars));
    return bytes;
  });
}

// Runs `part(begin, end)` on equal parts of `bytes`, one per thread.
void InParts(size_t bytes, int threads, const std::function<void(size_t, size_t)>& part) {
  const auto total = static_cast<int64_t>(bytes);
  DefaultWorkerThreads().ParallelFor(
      total, (total / threads + 63) / 64 * 64,
      [&](int64_t begin, int64_t end) {
        part(static_cast<size_t>(begin), static_cast<size_t>(end));
      },
      threads);
}

struct Case {
  Operation operation;
  OperandKind kind;
  DType dtype;
  size_t bytes;
  int threads;

  size_t elements() const { return bytes / ItemSize(dtype); }
};

// The arrays of a case, and the three ways to pass over them.
class Subject {
 public:
  explicit Subject(const Case& c)
      : case_(c),
        data_(c.bytes),
        array_(c.kind == OperandKind::kArray ? c.bytes : 0),
        scalars_(ScalarsOf(c.operation, c.dtype)) {
    Fill(c.dtype, data_);
    if (c.kind == OperandKind::kArray) Fill(c.dtype, array_);
  }

  void RunKernel() {
    const auto elements = static_cast<int64_t>(case_.elements());
    const absl::Status status = ApplyInPlace(case_.operation, case_.dtype, data_.data(), elements,
                                             MakeOperand(), case_.threads);
    if (!status.ok()) std::abort();
  }
  void RunHandLoop() {
    InParts(case_.bytes, case_.threads,
            [&](size_t begin, size_t end) { HandLoop(data_.data(), begin, end); });
  }
  void RunCopy() {
    InParts(case_.bytes, case_.threads,
            [&](size_t begin, size_t end) { CopyInPlace(data_.data() + begin, end - begin); });
  }

  bool HasHandLoop() const { return bench::HasHandLoop(case_.operation, case_.dtype); }

  // On at most kCheckedBytes of the array.
  bool ResultIsRight() {
    Buffer expected(case_.bytes);
    Fill(case_.dtype, expected);
    const size_t bytes = std::min(case_.bytes, kCheckedBytes);
    if (HasHandLoop()) {
      HandLoop(expected.data(), 0, bytes);
    } else {
      RunOneByOne(expected.data(), bytes / ItemSize(case_.dtype));
    }
    Fill(case_.dtype, data_);
    RunKernel();
    return std::memcmp(expected.data(), data_.data(), bytes) == 0;
  }

 private:
  static constexpr size_t kCheckedBytes = 1 << 20;

  Operand MakeOperand() const {
    switch (case_.kind) {
      case OperandKind::kNone:
        return Operand::None();
      case OperandKind::kScalar:
        return Operand::Scalars(scalars_.data());
      default:
        return Operand::Array(array_.data(), static_cast<int64_t>(case_.elements()));
    }
  }
  void RunOneByOne(std::byte* data, size_t elements) const {
    const Kernel kernel = FindKernel(case_.operation, case_.kind, case_.dtype);
    const size_t item = ItemSize(case_.dtype);
    for (size_t i = 0; i < elements; ++i) {
      const bool scalar = case_.kind != OperandKind::kArray;
      kernel(data + i * item, scalar ? scalars_.data() : array_.data() + i * item, 1);
    }
  }
  void HandLoop(std::byte* data, size_t begin, size_t end) const {
    const std::byte* operand =
        case_.kind == OperandKind::kScalar ? scalars_.data() : array_.data() + begin;
    UpdateByHand(case_.operation, case_.kind, case_.dtype, data + begin, operand,
                 (end - begin) / ItemSize(case_.dtype));
  }

  const Case case_;
  Buffer data_;
  Buffer array_;
  std::vector<std::byte> scalars_;
};

// So that a round takes long against reading the clock.
int Repetitions(size_t bytes) { return static_cast<int>(std::max<size_t>(1, (2 << 20) / bytes)); }

void RunCase(benchmark::State& state, const Case& c) {
  Subject subject(c);
  Contender kernel{[&] { subject.RunKernel(); }};
  Contender hand{[&] { subject.RunHandLoop(); }};
  Contender copy{[&] { subject.RunCopy(); }};
  const int repetitions = Repetitions(c.bytes);
  const bool by_hand = subject.HasHandLoop();
  for (auto _ : state) {
    kernel.Time(repetitions);
    if (by_hand) hand.Time(repetitions);
    copy.Time(repetitions);
    state.SetIterationTime(kernel.seconds.back());
  }
  if (!subject.ResultIsRight()) state.SkipWithError("wrong result");
  const double moved =
      c.kind == OperandKind::kArray ? 1.5 : 1;  // against the copy's read and write
  state.counters["GB/s"] = static_cast<double>(c.bytes) / kernel.Median() * 1e-9;
  state.counters["of_copy"] = moved * copy.Median() / kernel.Median();
  if (by_hand) state.counters["of_hand"] = hand.Median() / kernel.Median();
  state.SetLabel(ActiveTarget());
}

// x * a + b - c, fused and as three passes.
void RunChain(benchmark::State& state, size_t bytes, int threads) {
  Buffer data(bytes);
  Fill(DType::kFloat32, data);
  const auto elements = static_cast<int64_t>(bytes / sizeof(float));
  const float scalars[] = {1.0000001f, 0.5f, 0.5f};
  const Operation operations[] = {Operation::kMultiply, Operation::kAdd, Operation::kSubtract};
  UpdateChain chain(DType::kFloat32, data.data(), elements);
  chain.set_max_threads(threads);
  for (int i = 0; i < 3; ++i) chain.Append(operations[i], Operand::Scalars(&scalars[i]));
  const auto run_steps = [&] {
    for (int i = 0; i < 3; ++i) {
      benchmark::DoNotOptimize(ApplyInPlace(operations[i], DType::kFloat32, data.data(), elements,
                                            Operand::Scalars(&scalars[i]), threads));
    }
  };
  Contender fused{[&] { benchmark::DoNotOptimize(chain.Run()); }};
  Contender steps{run_steps};
  Contender copy{[&] {
    InParts(bytes, threads,
            [&](size_t begin, size_t end) { CopyInPlace(data.data() + begin, end - begin); });
  }};
  for (auto _ : state) {
    fused.Time(Repetitions(bytes));
    steps.Time(Repetitions(bytes));
    copy.Time(Repetitions(bytes));
    state.SetIterationTime(fused.seconds.back());
  }
  Buffer expected(bytes);
  Fill(DType::kFloat32, data);
  run_steps();
  std::memcpy(expected.data(), data.data(), bytes);
  Fill(DType::kFloat32, data);
  if (!chain.Run().ok() || std::memcmp(expected.data(), data.data(), bytes) != 0) {
    state.SkipWithError("wrong result");
  }
  state.counters["GB/s"] = static_cast<double>(bytes) / fused.Median() * 1e-9;
  state.counters["of_copy"] = copy.Median() / fused.Median();
  state.counters["of_steps"] = steps.Median() / fused.Median();
  state.SetLabel(ActiveTarget());
}

// Where a second thread begins to pay: the thresholds of update_chain.cc. The counter is the speed
// of two threads as a share of one thread's, with the helper awake or asleep when the update
// begins.
void RunThreshold(benchmark::State& state, size_t bytes, bool asleep) {
  Buffer data(bytes);
  Fill(DType::kFloat32, data);
  const float factor = 1.0000001f;
  const Kernel kernel = FindKernel(Operation::kMultiply, OperandKind::kScalar, DType::kFloat32);
  const auto update = [&](int64_t begin, int64_t end) {
    kernel(data.data() + begin, reinterpret_cast<const std::byte*>(&factor),
           static_cast<size_t>(end - begin) / sizeof(float));
  };
  const auto total = static_cast<int64_t>(bytes);
  const int64_t grain = std::max<int64_t>(total / 16 / 4096 * 4096, 32 << 10);
  const auto run_two = [&] { DefaultWorkerThreads().ParallelFor(total, grain, update, 2); };
  Contender one{[&] { update(0, total); }};
  Contender two{run_two};
  for (auto _ : state) {
    if (asleep) std::this_thread::sleep_for(std::chrono::microseconds(300));
    one.Time(1);
    if (asleep) {
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    } else {
      run_two();
    }
    two.Time(1);
    state.SetIterationTime(two.seconds.back());
  }
  state.counters["of_one_thread"] = one.Median() / two.Median();
}

struct Size {
  const char* name;
  size_t bytes;
};
constexpr Size kSizes[] = {
    {"L1", 16 << 10}, {"L2", 512 << 10}, {"L3", 40 << 20}, {"memory", 512 << 20}};
constexpr size_t kSmallestForThreads = 512 << 10;

// A quarter of a second per case, as far as that gives enough rounds for a median.
int Rounds(size_t bytes) { return static_cast<int>(std::clamp<size_t>((1 << 30) / bytes, 5, 300)); }

template <typename Function>
void Register(const std::string& name, size_t bytes, Function function) {
  benchmark::RegisterBenchmark(name, std::move(function))
      ->UseManualTime()
      ->Iterations(Rounds(bytes))
      ->Unit(benchmark::kMicrosecond);
}

void RegisterKernels(const Size& size, int threads) {
  const char* const kinds[] = {"none/", "scalar/", "array/"};
  for (int i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    for (OperandKind kind : {OperandKind::kNone, OperandKind::kScalar, OperandKind::kArray}) {
      for (int code = 0; code < kDTypeCount; ++code) {
        const auto dtype = static_cast<DType>(code);
        if (!IsSupported(operation, kind, dtype)) continue;
        const Case c = {operation, kind, dtype, size.bytes, threads};
        Register(absl::StrCat(OperationName(operation), "/", DTypeName(dtype), "/",
                              kinds[static_cast<int>(kind)], size.name, "/threads:", threads),
                 size.bytes, [c](benchmark::State& state) { RunCase(state, c); });
      }
    }
  }
}

void RegisterAll() {
  for (const Size& size : kSizes) {
    for (int threads : {1, 2}) {
      if (threads > 1 && size.bytes < kSmallestForThreads) continue;
      RegisterKernels(size, threads);
      Register(absl::StrCat("chain_of_3/float32/", size.name, "/threads:", threads), size.bytes,
               [bytes = size.bytes, threads](benchmark::State& state) {
                 RunChain(state, bytes, threads);
               });
    }
  }
  for (size_t bytes = 64 << 10; bytes <= 16 << 20; bytes *= 2) {
    for (bool asleep : {false, true}) {
      Register(absl::StrCat("two_threads/", asleep ? "asleep/" : "awake/", bytes >> 10, "KiB"),
               bytes,
               [bytes, asleep](benchmark::State& state) { RunThreshold(state, bytes, asleep); });
    }
  }
}

const bool registered = (SetDefaultThreads(2), RegisterAll(), true);

}  // namespace
}  // namespace numpack::bench
