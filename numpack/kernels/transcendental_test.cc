// exp, log, tanh and sigmoid: within MaxUlpError() of the exact result.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/scalar_reference_for_test.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

constexpr Operation kOperations[] = {Operation::kExp, Operation::kLog, Operation::kTanh,
                                     Operation::kSigmoid};

// In more precision than the results have.
template <typename Wide>
Wide Exact(Operation operation, Wide x) {
  switch (operation) {
    case Operation::kExp:
      return std::exp(x);
    case Operation::kLog:
      return std::log(x);
    case Operation::kTanh:
      return std::tanh(x);
    default:
      return 1 / (1 + std::exp(-x));
  }
}
double ExactOf(Operation operation, float x) { return Exact<double>(operation, x); }
double ExactOf(Operation operation, Float16 x) { return Exact<double>(operation, ToFloat32(x)); }
long double ExactOf(Operation operation, double x) { return Exact<long double>(operation, x); }

template <typename T>
T Rounded(long double value) {
  if constexpr (std::is_same_v<T, Float16>) {
    return ToFloat16(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

template <typename T>
bool NotANumber(T x) {
  if constexpr (std::is_same_v<T, Float16>) {
    return std::isnan(ToFloat32(x));
  } else {
    return std::isnan(x);
  }
}

// How many numbers of their type lie between a and b, which are not NaN; neighbours: 1.
template <typename T>
uint64_t Distance(T a, T b) {
  using Bits = std::conditional_t<sizeof(T) == 8, int64_t,
                                  std::conditional_t<sizeof(T) == 4, int32_t, int16_t>>;
  const auto position = [](T x) {
    Bits bits;
    std::memcpy(&bits, &x, sizeof(bits));
    const int64_t magnitude = bits & std::numeric_limits<Bits>::max();
    return bits < 0 ? -magnitude : magnitude;
  };
  const int64_t p = position(a);
  const int64_t q = position(b);
  return p > q ? static_cast<uint64_t>(p) - static_cast<uint64_t>(q)
               : static_cast<uint64_t>(q) - static_cast<uint64_t>(p);
}

template <typename T>
T FromBits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(value));  // little-endian
  return value;
}

// float16: all there are. Else numbers of all magnitudes, and more of those near 0 and 1.
template <typename T>
std::vector<T> Samples() {
  std::vector<T> samples;
  if constexpr (std::is_same_v<T, Float16>) {
    for (uint64_t bits = 0; bits < 0x10000; ++bits) samples.push_back(FromBits<T>(bits));
  } else {
    samples = SpecialValues<T>();
    std::mt19937_64 random(1);
    for (int i = 0; i < 200000; ++i) samples.push_back(FromBits<T>(random()));
    const T limit = sizeof(T) == 4 ? T{110} : T{760};
    for (T range : {T{1}, T{20}, limit}) {
      std::uniform_real_distribution<T> uniform(-range, range);
      for (int i = 0; i < 100000; ++i) samples.push_back(uniform(random));
    }
    for (int i = -50000; i < 50000; ++i) {
      samples.push_back(1 + static_cast<T>(i) * std::numeric_limits<T>::epsilon() * 64);
    }
  }
  return samples;
}

template <typename T>
class TranscendentalTest : public testing::Test {
 protected:
  static int Bound(Operation operation) {
    return std::is_same_v<T, Float16> ? 1 : MaxUlpError(operation);
  }
};
using ElementTypes = testing::Types<Float16, float, double>;
TYPED_TEST_SUITE(TranscendentalTest, ElementTypes);

TYPED_TEST(TranscendentalTest, IsOffByNoMoreThanIsSaid) {
  using T = TypeParam;
  const std::vector<T> samples = Samples<T>();
  for (Operation operation : kOperations) {
    std::vector<T> expected;
    expected.reserve(samples.size());
    for (T x : samples) expected.push_back(Rounded<T>(ExactOf(operation, x)));
    for (int64_t target : TargetsOfThisMachine()) {
      const ScopedTarget scoped(target);
      std::vector<T> values = samples;
      FindKernel(operation, OperandKind::kNone, DTypeOf<T>)(
          reinterpret_cast<std::byte*>(values.data()), nullptr, values.size());
      uint64_t largest = 0;
      for (size_t i = 0; i < samples.size(); ++i) {
        ASSERT_EQ(NotANumber(values[i]), NotANumber(expected[i]))
            << hwy::TargetName(target) << " " << OperationName(operation) << " of "
            << Show(samples[i]) << " gave " << Show(values[i]);
        if (NotANumber(values[i])) continue;
        const uint64_t distance = Distance(values[i], expected[i]);
        largest = std::max(largest, distance);
        ASSERT_LE(distance, static_cast<uint64_t>(this->Bound(operation)))
            << hwy::TargetName(target) << " " << OperationName(operation) << " of "
            << Show(samples[i]) << " gave " << Show(values[i]) << ", not " << Show(expected[i]);
      }
      this->RecordProperty(std::string(OperationName(operation)) + "_" + hwy::TargetName(target),
                           static_cast<int>(largest));
    }
  }
}

TYPED_TEST(TranscendentalTest, ZerosKeepTheirSign) {
  using T = TypeParam;
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    for (double zero : {0.0, -0.0}) {
      T x = Rounded<T>(zero);
      FindKernel(Operation::kTanh, OperandKind::kNone, DTypeOf<T>)(reinterpret_cast<std::byte*>(&x),
                                                                   nullptr, 1);
      EXPECT_TRUE(SameBits(x, Rounded<T>(zero)));
    }
  }
}

TYPED_TEST(TranscendentalTest, RaisesWhatTheResultsCallFor) {
  using T = TypeParam;
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double large = sizeof(T) == 2 ? 12 : sizeof(T) == 4 ? 100 : 800;
  const double tiny = sizeof(T) == 2 ? -13.1 : -large;
  struct Case {
    Operation operation;
    double x;
    int exceptions;
  };
  const Case cases[] = {
      {Operation::kExp, 1, 0},
      {Operation::kExp, nan, 0},
      {Operation::kExp, infinity, 0},
      {Operation::kExp, -infinity, 0},
      {Operation::kExp, large, FE_OVERFLOW},
      {Operation::kExp, tiny, FE_UNDERFLOW},
      {Operation::kLog, 2, 0},
      {Operation::kLog, nan, 0},
      {Operation::kLog, infinity, 0},
      {Operation::kLog, 0, FE_DIVBYZERO},
      {Operation::kLog, -0.0, FE_DIVBYZERO},
      {Operation::kLog, -2, FE_INVALID},
      {Operation::kLog, -infinity, FE_INVALID},
      {Operation::kTanh, nan, 0},
      {Operation::kTanh, infinity, 0},
      {Operation::kTanh, -large, 0},
      {Operation::kSigmoid, nan, 0},
      {Operation::kSigmoid, infinity, 0},
      {Operation::kSigmoid, 5, 0},
  };
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    for (const Case& c : cases) {
      const Kernel kernel = FindKernel(c.operation, OperandKind::kNone, DTypeOf<T>);
      for (size_t count : {1, 3, 64}) {
        std::vector<T> values(count, Rounded<T>(c.x));
        std::feclearexcept(FE_ALL_EXCEPT);
        kernel(reinterpret_cast<std::byte*>(values.data()), nullptr, values.size());
        EXPECT_EQ(std::fetestexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW),
                  c.exceptions)
            << hwy::TargetName(target) << " " << OperationName(c.operation) << " of " << c.x;
      }
      // What was raised before stays.
      T one = Rounded<T>(1);
      std::feraiseexcept(FE_OVERFLOW);
      kernel(reinterpret_cast<std::byte*>(&one), nullptr, 1);
      EXPECT_TRUE(std::fetestexcept(FE_OVERFLOW));
    }
  }
  std::feclearexcept(FE_ALL_EXCEPT);
}

}  // namespace
}  // namespace numpack
