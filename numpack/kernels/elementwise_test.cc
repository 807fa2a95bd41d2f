#include "numpack/kernels/elementwise.h"

#include <algorithm>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/scalar_reference_for_test.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

constexpr Operation kOperations[] = {Operation::kAdd, Operation::kSubtract, Operation::kMultiply,
                                     Operation::kDivide, Operation::kMultiplyAdd};
constexpr OperandKind kKinds[] = {OperandKind::kScalar, OperandKind::kArray};
constexpr size_t kAlignment = 64;
constexpr size_t kGuardBytes = 256;
constexpr std::byte kGuard{0xA5};

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
  bool GuardsAreIntact() const {
    const auto end = static_cast<ptrdiff_t>(offset_ + size_ * sizeof(T));
    const auto is_guard = [](std::byte byte) { return byte == kGuard; };
    return std::all_of(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(offset_),
                       is_guard) &&
           std::all_of(bytes_.begin() + end, bytes_.end(), is_guard);
  }

 private:
  std::vector<std::byte> bytes_;
  size_t size_;
  size_t offset_;
};

// `count` of the special values, in an order of their own for each seed.
template <typename T>
std::vector<T> Values(size_t count, size_t seed) {
  static const std::vector<T> special = SpecialValues<T>();
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = special[(i * (2 * seed + 1) + seed * seed) % special.size()];
  return values;
}

template <typename T>
class ElementwiseTest : public testing::Test {
 protected:
  using Call = void (*)(Operation, OperandKind, Kernel);

  // Calls `body(operation, kind, kernel)` for every kernel of every instruction set.
  template <typename Body>
  void ForEachKernel(Body body) {
    for (int64_t target : TargetsOfThisMachine()) {
      const ScopedTarget scoped(target);
      ASSERT_STREQ(ActiveTarget(), hwy::TargetName(target));
      for (Operation operation : kOperations) {
        for (OperandKind kind : kKinds) {
          const Kernel kernel = FindKernel(operation, kind, DTypeOf<T>);
          if (kernel == nullptr) continue;
          SCOPED_TRACE(std::string(hwy::TargetName(target)) + " " +
                       std::string(OperationName(operation)) +
                       (kind == OperandKind::kArray ? " array" : " scalar"));
          body(operation, kind, kernel);
          if (this->HasFatalFailure()) return;
        }
      }
    }
  }

  static void Check(Operation operation, OperandKind kind, Kernel kernel, size_t start,
                    size_t operand_start, const std::vector<T>& values,
                    const std::vector<T>& operands) {
    GuardedArray<T> data(start, values);
    GuardedArray<T> operand(operand_start, operands);
    kernel(data.data(), operand.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const T a = operands[0];
      const T b = kind == OperandKind::kArray ? operands[i] : operands[ScalarCount(operation) - 1];
      ASSERT_TRUE(IsExpected(operation, values[i], a, b, data[i]))
          << "element " << i << " of " << values.size() << ", start " << start << ": " << +values[i]
          << ", " << +a << ", " << +b << " gave " << +data[i];
    }
    ASSERT_TRUE(data.GuardsAreIntact()) << values.size() << " elements, start " << start;
    ASSERT_TRUE(operand.GuardsAreIntact());
    for (size_t i = 0; i < operands.size(); ++i) {
      const T after = operand[i];
      // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the bits are meant
      ASSERT_EQ(std::memcmp(&after, &operands[i], sizeof(T)), 0) << "the operand was written to";
    }
  }
};

using ElementTypes = testing::Types<float, double, int32_t, int64_t>;
TYPED_TEST_SUITE(ElementwiseTest, ElementTypes);

TYPED_TEST(ElementwiseTest, EveryLengthAndStart) {
  using T = TypeParam;
  // More than two rounds of the unrolled loop with vectors of 64 bytes; the longest for those of
  // SVE.
  std::vector<size_t> lengths(9 * 64 / sizeof(T) + 2);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = i;
  lengths.insert(lengths.end(), {1023, 1024, 2311});
  this->ForEachKernel([&](Operation operation, OperandKind kind, Kernel kernel) {
    for (size_t length : lengths) {
      for (size_t start : {0, 1, 3, 15}) {
        const size_t operands =
            kind == OperandKind::kArray ? std::max<size_t>(length, 1) : ScalarCount(operation);
        this->Check(operation, kind, kernel, start, (start * 5 + length) % 16,
                    Values<T>(length, length + start), Values<T>(operands, length % 13 + 1));
        if (this->HasFatalFailure()) return;
      }
    }
  });
}

TYPED_TEST(ElementwiseTest, EverySpecialValueWithEveryOther) {
  using T = TypeParam;
  const std::vector<T> special = SpecialValues<T>();
  this->ForEachKernel([&](Operation operation, OperandKind kind, Kernel kernel) {
    for (T b : special) {
      for (T a : operation == Operation::kMultiplyAdd ? special : std::vector<T>{b}) {
        const std::vector<T> operands =
            kind == OperandKind::kArray            ? std::vector<T>(special.size(), b)
            : operation == Operation::kMultiplyAdd ? std::vector<T>{a, b}
                                                   : std::vector<T>{b};
        this->Check(operation, kind, kernel, 0, 0, special, operands);
        if (this->HasFatalFailure()) return;
      }
    }
  });
}

TYPED_TEST(ElementwiseTest, OperandMayBeTheArrayItself) {
  using T = TypeParam;
  this->ForEachKernel([&](Operation operation, OperandKind kind, Kernel kernel) {
    if (kind != OperandKind::kArray) return;
    const std::vector<T> values = Values<T>(333, 5);
    GuardedArray<T> data(1, values);
    kernel(data.data(), data.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(IsExpected(operation, values[i], values[i], values[i], data[i]))
          << "element " << i;
    }
  });
}

TYPED_TEST(ElementwiseTest, RaisesExactlyTheExceptionsOfItsElements) {
  using T = TypeParam;
  if (!std::is_floating_point_v<T>) GTEST_SKIP() << "integers raise none";
  constexpr int kExceptions = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW | FE_INEXACT;
  this->ForEachKernel([&](Operation operation, OperandKind kind, Kernel kernel) {
    for (T x : SpecialValues<T>()) {
      for (T b : SpecialValues<T>()) {
        const std::vector<T> operands(8, b);
        for (size_t length : {1, 3, 7}) {  // less than a vector: what do the other lanes raise?
          GuardedArray<T> data(0, std::vector<T>(length, x));
          // Volatile, or Clang computes the reference before the exceptions are cleared.
          volatile T in_x = x, in_b = b;
          std::feclearexcept(FE_ALL_EXCEPT);
          [[maybe_unused]] volatile T expected = Reference<T>(operation, in_x, in_b, in_b);
          const int wanted = std::fetestexcept(kExceptions);
          std::feclearexcept(FE_ALL_EXCEPT);
          kernel(data.data(), reinterpret_cast<const std::byte*>(operands.data()), length);
          ASSERT_EQ(std::fetestexcept(kExceptions), wanted)
              << x << ", " << b << ", " << length << " elements";
        }
      }
    }
    static_cast<void>(kind);
  });
}

TEST(KernelTableTest, SaysWhatExists) {
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64}) {
      const bool is_float = dtype == DType::kFloat32 || dtype == DType::kFloat64;
      for (OperandKind kind : kKinds) {
        EXPECT_TRUE(IsSupported(Operation::kAdd, kind, dtype));
        EXPECT_TRUE(IsSupported(Operation::kSubtract, kind, dtype));
        EXPECT_TRUE(IsSupported(Operation::kMultiply, kind, dtype));
        EXPECT_EQ(IsSupported(Operation::kDivide, kind, dtype), is_float);
        EXPECT_EQ(IsSupported(Operation::kMultiplyAdd, kind, dtype), kind == OperandKind::kScalar);
      }
    }
    EXPECT_FALSE(IsSupported(Operation::kAdd, OperandKind::kScalar, DType::kBool));
    EXPECT_FALSE(IsSupported(Operation::kAdd, OperandKind::kScalar, DType::kComplex64));
  }
}

TEST(ActiveTargetTest, IsTheBestOfThisMachine) {
  const std::vector<int64_t> targets = TargetsOfThisMachine();
  ASSERT_FALSE(targets.empty());
  EXPECT_STREQ(ActiveTarget(), hwy::TargetName(targets.front()));
  RecordProperty("target", ActiveTarget());
}

}  // namespace
}  // namespace numpack
