#include "numpack/kernels/elementwise.h"

#include <algorithm>
#include <cfenv>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/kernel_test_util.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/scalar_reference_for_test.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

template <typename T>
class ElementwiseTest : public testing::Test {
 protected:
  // operands: for kArray as many as values, for kScalar those that the operation takes.
  static void Check(Operation operation, OperandKind kind, Kernel kernel, size_t start,
                    size_t operand_start, const std::vector<T>& values,
                    const std::vector<T>& operands) {
    GuardedArray<T> data(start, values);
    GuardedArray<T> operand(operand_start, operands);
    kernel(data.data(), operand.data(), values.size());
    CheckResults(operation, kind, kernel, values, operands, &data);
    ASSERT_TRUE(data.GuardsAreIntact()) << values.size() << " elements, start " << start;
    ASSERT_TRUE(operand.GuardsAreIntact());
    ASSERT_TRUE(operand.Holds(operands)) << "the operand was written to";
  }

  static void CheckResults(Operation operation, OperandKind kind, Kernel kernel,
                           const std::vector<T>& values, const std::vector<T>& operands,
                           GuardedArray<T>* data) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (IsApproximate(operation)) {
        // At least the same result wherever the element lies.
        T alone = values[i];
        kernel(reinterpret_cast<std::byte*>(&alone), nullptr, 1);
        ASSERT_TRUE(SameBits(alone, (*data)[i])) << Show(values[i]) << " at " << i;
        continue;
      }
      const T a = operands[0];
      const T b = kind == OperandKind::kArray ? operands[i] : operands[ScalarCount(operation) == 2];
      ASSERT_TRUE(IsExpected(operation, values[i], a, b, (*data)[i]))
          << "element " << i << " of " << values.size() << ": " << Show(values[i]) << ", "
          << Show(a) << ", " << Show(b) << " gave " << Show((*data)[i]) << ", not "
          << Show(Reference(operation, values[i], a, b));
    }
  }

  static size_t OperandCount(Operation operation, OperandKind kind, size_t elements) {
    return std::max<size_t>(1, kind == OperandKind::kArray ? elements : ScalarCount(operation));
  }
};

using ElementTypes =
    testing::Types<BoolByte, uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t,
                   int64_t, Float16, float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(ElementwiseTest, ElementTypes);

TYPED_TEST(ElementwiseTest, EveryLengthAndStart) {
  using T = TypeParam;
  const std::vector<size_t> lengths = LengthsFor(sizeof(T));
  ForEachKernel<T>([&](Operation operation, OperandKind kind, Kernel kernel) {
    const std::vector<T> special = SpecialValues<T>();
    const std::vector<T> special_operands = SpecialOperands<T>(operation);
    for (size_t length : lengths) {
      for (size_t start : {0, 1, 3, 15}) {
        const size_t operands = this->OperandCount(operation, kind, length);
        this->Check(operation, kind, kernel, start, (start * 5 + length) % 16,
                    Pick(special, length, length + start),
                    Pick(special_operands, operands, length % 13 + 1));
        if (this->HasFatalFailure()) return;
      }
    }
  });
}

TYPED_TEST(ElementwiseTest, EverySpecialValueWithEveryOther) {
  using T = TypeParam;
  const std::vector<T> special = SpecialValues<T>();
  ForEachKernel<T>([&](Operation operation, OperandKind kind, Kernel kernel) {
    const bool two = ScalarCount(operation) == 2;
    for (T b : SpecialOperands<T>(operation)) {
      for (T a : two ? special : std::vector<T>{b}) {
        const std::vector<T> operands =
            kind == OperandKind::kArray ? std::vector<T>(special.size(), b) : std::vector<T>{a, b};
        this->Check(operation, kind, kernel, 0, 0, special, operands);
        if (this->HasFatalFailure()) return;
      }
    }
  });
}

TYPED_TEST(ElementwiseTest, OperandMayBeTheArrayItself) {
  using T = TypeParam;
  ForEachKernel<T>([&](Operation operation, OperandKind kind, Kernel kernel) {
    if (kind != OperandKind::kArray) return;
    const std::vector<T> values = Pick(SpecialValues<T>(), 333, 5);
    GuardedArray<T> data(1, values);
    kernel(data.data(), data.data(), values.size());
    this->CheckResults(operation, kind, kernel, values, values, &data);
  });
}

// Every pair of bytes: all there is for types of one byte.
TYPED_TEST(ElementwiseTest, AllBytes) {
  using T = TypeParam;
  if constexpr (sizeof(T) != 1) {
    GTEST_SKIP() << "only for types of one byte";
  } else {
    std::vector<T> all(256);
    for (size_t i = 0; i < all.size(); ++i) {
      const auto byte = static_cast<uint8_t>(i);
      std::memcpy(&all[i], &byte, 1);
    }
    ForEachKernel<T>([&](Operation operation, OperandKind kind, Kernel kernel) {
      if (ScalarCount(operation) == 2) return;
      for (T b : all) {
        if constexpr (std::is_signed_v<T>) {
          if (operation == Operation::kPower && b < 0) continue;  // refused by callers
        }
        this->Check(operation, kind, kernel, 0, 0, all, std::vector<T>(all.size(), b));
        if (this->HasFatalFailure()) return;
      }
    });
  }
}

TYPED_TEST(ElementwiseTest, RaisesExactlyTheExceptionsOfItsElements) {
  using T = TypeParam;
  // Inexact, where elementwise.h promises it.
  const auto exceptions = [](Operation operation) {
    constexpr int kAlways = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW;
    const bool exact = std::is_floating_point_v<T> || kIsComplex<T>;
    const bool division =
        operation == Operation::kFloorDivide || operation == Operation::kRemainder;
    return exact && !division ? kAlways | FE_INEXACT : kAlways;
  };
  ForEachKernel<T>([&](Operation operation, OperandKind kind, Kernel kernel) {
    if (IsApproximate(operation)) return;  // transcendental_test.cc
    if (operation == Operation::kSqrt && !kFaithfulLibrary) return;
    static_cast<void>(kind);
    for (T x : SpecialValues<T>()) {
      for (T b : SpecialOperands<T>(operation)) {
        const std::vector<T> operands(8, b);
        // Volatile, or Clang computes the reference before the exceptions are cleared.
        volatile std::byte in_x[sizeof(T)];
        volatile std::byte in_b[sizeof(T)];
        for (size_t i = 0; i < sizeof(T); ++i) {
          in_x[i] = reinterpret_cast<const std::byte*>(&x)[i];
          in_b[i] = reinterpret_cast<const std::byte*>(&b)[i];
        }
        std::feclearexcept(FE_ALL_EXCEPT);
        T x1;
        T b1;
        for (size_t i = 0; i < sizeof(T); ++i) {
          reinterpret_cast<std::byte*>(&x1)[i] = in_x[i];
          reinterpret_cast<std::byte*>(&b1)[i] = in_b[i];
        }
        const T expected = Reference(operation, x1, b1, b1);
        for (size_t i = 0; i < sizeof(T); ++i) {
          in_x[i] = reinterpret_cast<const std::byte*>(&expected)[i];
        }
        const int wanted = std::fetestexcept(exceptions(operation));
        for (size_t length : {1, 3, 7}) {  // less than a vector: what do the other lanes raise?
          GuardedArray<T> data(0, std::vector<T>(length, x));
          std::feclearexcept(FE_ALL_EXCEPT);
          kernel(data.data(), reinterpret_cast<const std::byte*>(operands.data()), length);
          ASSERT_EQ(std::fetestexcept(exceptions(operation)), wanted)
              << Show(x) << ", " << Show(b) << ", " << length << " elements";
        }
      }
    }
  });
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST(KernelTableTest, KindsAreThoseOfTheOperation) {
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    for (int code = 0; code < kDTypeCount; ++code) {
      const auto dtype = static_cast<DType>(code);
      for (Operation operation : AllOperations()) {
        const bool none = IsSupported(operation, OperandKind::kNone, dtype);
        const bool scalar = IsSupported(operation, OperandKind::kScalar, dtype);
        const bool array = IsSupported(operation, OperandKind::kArray, dtype);
        const bool any = none || scalar || array;
        EXPECT_EQ(none, any && ScalarCount(operation) == 0) << OperationName(operation);
        EXPECT_EQ(scalar, any && ScalarCount(operation) > 0) << OperationName(operation);
        EXPECT_EQ(array, any && TakesArray(operation)) << OperationName(operation);
      }
    }
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
