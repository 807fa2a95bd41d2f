// What tests of kernels share: arrays with guards around them, values to fill them with, and all
// kernels of all instruction sets one after another.
#ifndef NUMPACK_KERNELS_KERNEL_TEST_UTIL_H_
#define NUMPACK_KERNELS_KERNEL_TEST_UTIL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/scalar_reference_for_test.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {

inline std::vector<Operation> AllOperations() {
  std::vector<Operation> operations;
  for (int i = 0; i < kOperationCount; ++i) operations.push_back(static_cast<Operation>(i));
  return operations;
}
inline constexpr OperandKind kAllKinds[] = {OperandKind::kNone, OperandKind::kScalar,
                                            OperandKind::kArray};

// Whether the C library can be the reference in all it does: MinGW's fma() rounds twice, and its
// sqrt() raises no exception.
#if defined(__MINGW32__)
inline constexpr bool kFaithfulLibrary = false;
#else
inline constexpr bool kFaithfulLibrary = true;
#endif

// Not exact, so no kernel of theirs has a reference: transcendental_test.cc.
inline bool IsApproximate(Operation operation) { return MaxUlpError(operation) > 0; }

// Elements that start `start` elements after an aligned address, with guard bytes on both sides.
template <typename T>
class GuardedArray {
 public:
  GuardedArray(size_t start, const std::vector<T>& values)
      : bytes_(2 * kGuardBytes + kAlignment + (start + values.size()) * sizeof(T), kGuard),
        size_(values.size()) {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data()) + kGuardBytes;
    const uintptr_t aligned = (address + kAlignment - 1) / kAlignment * kAlignment;
    offset_ = aligned + start * sizeof(T) - reinterpret_cast<uintptr_t>(bytes_.data());
    if (!values.empty()) std::memcpy(data(), values.data(), size_ * sizeof(T));
  }

  std::byte* data() { return bytes_.data() + offset_; }
  T operator[](size_t i) {
    T value;
    std::memcpy(&value, data() + i * sizeof(T), sizeof(T));
    return value;
  }
  bool Holds(const std::vector<T>& values) {
    return values.empty() || std::memcmp(data(), values.data(), size_ * sizeof(T)) == 0;
  }
  bool GuardsAreIntact() const {
    const auto end = static_cast<ptrdiff_t>(offset_ + size_ * sizeof(T));
    const auto is_guard = [](std::byte byte) { return byte == kGuard; };
    return std::all_of(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(offset_),
                       is_guard) &&
           std::all_of(bytes_.begin() + end, bytes_.end(), is_guard);
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kGuardBytes = 256;
  static constexpr std::byte kGuard{0xA5};

  std::vector<std::byte> bytes_;
  size_t size_;
  size_t offset_;
};

// `count` of the values, in an order of their own for each seed.
template <typename T>
std::vector<T> Pick(const std::vector<T>& from, size_t count, size_t seed) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = from[(i * (2 * seed + 1) + seed * seed) % from.size()];
  return values;
}

// All lengths up to more than two rounds of the unrolled loop with vectors of 64 bytes, and a few
// for the longer ones of SVE.
inline std::vector<size_t> LengthsFor(size_t element_size) {
  std::vector<size_t> lengths(9 * 64 / element_size + 2);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = i;
  lengths.insert(lengths.end(), {1023, 1024, 2311});
  return lengths;
}

// Calls `body(operation, kind, kernel)` for every kernel of every instruction set; stops at the
// first fatal failure.
template <typename T, typename Body>
void ForEachKernel(Body body) {
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    ASSERT_STREQ(ActiveTarget(), hwy::TargetName(target));
    for (Operation operation : AllOperations()) {
      for (OperandKind kind : kAllKinds) {
        const Kernel kernel = FindKernel(operation, kind, kDTypeForTest<T>);
        if (kernel == nullptr) continue;
        if (operation == Operation::kFusedMultiplyAdd && !kFaithfulLibrary) continue;
        const char* const names[] = {"", " scalar", " array"};
        SCOPED_TRACE(std::string(hwy::TargetName(target)) + " " +
                     std::string(OperationName(operation)) + names[static_cast<int>(kind)]);
        body(operation, kind, kernel);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace numpack

#endif  // NUMPACK_KERNELS_KERNEL_TEST_UTIL_H_
