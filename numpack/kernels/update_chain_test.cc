#include "numpack/kernels/update_chain.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "numpack/base/worker_threads.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

// Enough for a sleeping helper to be woken up.
constexpr int64_t kLargeBytes = 3 << 20;

template <typename T>
std::byte* Bytes(T* data) {
  return reinterpret_cast<std::byte*>(data);
}

template <typename T>
std::vector<T> RandomValues(size_t count, int seed) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(static_cast<double>(random() % 2001) / 7 - 100);
  return values;
}

template <typename T>
class UpdateChainTest : public testing::Test {
 protected:
  void SetUp() override { SetDefaultThreads(2); }
  void TearDown() override { SetDefaultThreads(0); }

  struct Step {
    Operation operation;
    OperandKind kind;
  };
  static std::vector<Step> Steps() {
    std::vector<Step> steps = {{Operation::kMultiply, OperandKind::kScalar},
                               {Operation::kAdd, OperandKind::kScalar},
                               {Operation::kAdd, OperandKind::kArray},
                               {Operation::kMultiplyAdd, OperandKind::kScalar},
                               {Operation::kSubtract, OperandKind::kArray},
                               {Operation::kMultiply, OperandKind::kArray}};
    if (IsSupported(Operation::kDivide, OperandKind::kScalar, DTypeOf<T>)) {
      steps.push_back({Operation::kDivide, OperandKind::kScalar});
    }
    return steps;
  }

  Operand OperandOf(const Step& step, int64_t elements) const {
    return step.kind == OperandKind::kScalar ? Operand::Scalars(scalars_)
                                             : Operand::Array(operands_.data(), elements);
  }

  // All steps in one chain.
  void RunFused(std::byte* data, int64_t elements, int threads) const {
    UpdateChain chain(DTypeOf<T>, data, elements);
    chain.set_max_threads(threads);
    for (const Step& step : Steps()) chain.Append(step.operation, OperandOf(step, elements));
    ASSERT_TRUE(chain.Run().ok()) << chain.Run();
  }

  // Each step in a pass of its own over the whole array, by the bare kernel.
  void RunSeparately(std::byte* data, int64_t elements) const {
    for (const Step& step : Steps()) {
      const Operand operand = OperandOf(step, elements);
      FindKernel(step.operation, step.kind, DTypeOf<T>)(
          data, static_cast<const std::byte*>(operand.data), static_cast<size_t>(elements));
    }
  }

  const T scalars_[2] = {static_cast<T>(1.1), static_cast<T>(-2.7)};
  const std::vector<T> operands_ = RandomValues<T>(kLargeBytes / sizeof(T), 2);
};

using ElementTypes = testing::Types<float, double, int32_t, int64_t>;
TYPED_TEST_SUITE(UpdateChainTest, ElementTypes);

TYPED_TEST(UpdateChainTest, FusedIsSeparateOnEveryTargetAndThreadCount) {
  using T = TypeParam;
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    SCOPED_TRACE(hwy::TargetName(target));
    std::vector<size_t> sizes = {1, 4097, 70001};
    // Threads do not depend on the target, so one target will do for the size that wakes them up.
    if (target == TargetsOfThisMachine().front()) sizes.push_back(kLargeBytes / sizeof(T));
    for (size_t size : sizes) {
      for (size_t start : {0, 1}) {  // the second starts in the middle of a cache line
        const std::vector<T> values = RandomValues<T>(size, 1);
        const auto elements = static_cast<int64_t>(size - start);
        std::vector<T> separate = values;
        this->RunSeparately(Bytes(separate.data() + start), elements);
        for (int threads : {1, 2}) {
          std::vector<T> fused = values;
          this->RunFused(Bytes(fused.data() + start), elements, threads);
          EXPECT_EQ(std::memcmp(fused.data(), separate.data(), size * sizeof(T)), 0)
              << size << " elements from " << start << ", " << threads << " threads";
        }
      }
    }
  }
}

TYPED_TEST(UpdateChainTest, OperandMayBeTheArrayItself) {
  using T = TypeParam;
  std::vector<T> values(50000, T{3});
  UpdateChain chain(DTypeOf<T>, Bytes(values.data()), 50000);
  const Operand self = Operand::Array(values.data(), 50000);
  chain.Append(Operation::kAdd, self);
  chain.Append(Operation::kMultiply, self);
  ASSERT_TRUE(chain.Run().ok());
  EXPECT_EQ(values, std::vector<T>(50000, T{36}));
}

TYPED_TEST(UpdateChainTest, RunsAgain) {
  using T = TypeParam;
  std::vector<T> values(10, T{1});
  const T two{2};
  UpdateChain chain(DTypeOf<T>, Bytes(values.data()), 10);
  chain.Append(Operation::kMultiply, Operand::Scalars(&two));
  ASSERT_TRUE(chain.Run().ok());
  ASSERT_TRUE(chain.Run().ok());
  EXPECT_EQ(values, std::vector<T>(10, T{4}));
}

TYPED_TEST(UpdateChainTest, EmptyArraysAndEmptyChains) {
  using T = TypeParam;
  const T two{2};
  EXPECT_TRUE(
      ApplyInPlace(Operation::kMultiply, DTypeOf<T>, nullptr, 0, Operand::Scalars(&two)).ok());
  EXPECT_TRUE(
      ApplyInPlace(Operation::kMultiply, DTypeOf<T>, nullptr, 0, Operand::Array(nullptr, 0)).ok());
  T value{5};
  EXPECT_TRUE(UpdateChain(DTypeOf<T>, Bytes(&value), 1).Run().ok());
  EXPECT_EQ(value, T{5});
}

void ExpectRefused(const absl::Status& status, const std::string& message) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(status.message().find(message), absl::string_view::npos) << status;
}

TEST(UpdateChainErrorsTest, NoSuchKernel) {
  int32_t values[] = {6, 7};
  const int32_t two = 2;
  ExpectRefused(
      ApplyInPlace(Operation::kDivide, DType::kInt32, Bytes(values), 2, Operand::Scalars(&two)),
      "no in-place divide of int32 elements with a scalar");
  ExpectRefused(
      ApplyInPlace(Operation::kAdd, DType::kBool, Bytes(values), 2, Operand::Scalars(&two)),
      "bool");
  ExpectRefused(ApplyInPlace(Operation::kMultiplyAdd, DType::kInt32, Bytes(values), 2,
                             Operand::Array(values, 2)),
                "with an array");
  EXPECT_EQ(values[0], 6);
}

TEST(UpdateChainErrorsTest, OneBadStepSparesTheArray) {
  float values[] = {1, 2, 3, 4};
  const float two = 2;
  UpdateChain chain(DType::kFloat32, Bytes(values), 4);
  chain.Append(Operation::kMultiply, Operand::Scalars(&two));
  chain.Append(Operation::kAdd, Operand::Array(&two, 1));
  chain.Append(Operation::kMultiply, Operand::Scalars(&two));
  ExpectRefused(chain.Run(), "add needs an operand of 4 elements, not 1");
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[3], 4);
}

TEST(UpdateChainErrorsTest, PartialOverlap) {
  float values[] = {1, 2, 3, 4};
  ExpectRefused(ApplyInPlace(Operation::kAdd, DType::kFloat32, Bytes(values), 3,
                             Operand::Array(values + 1, 3)),
                "overlaps");
  ExpectRefused(ApplyInPlace(Operation::kAdd, DType::kFloat32, Bytes(values + 1), 3,
                             Operand::Array(values, 3)),
                "overlaps");
  EXPECT_TRUE(ApplyInPlace(Operation::kAdd, DType::kFloat32, Bytes(values), 2,
                           Operand::Array(values + 2, 2))
                  .ok());
  EXPECT_EQ(values[1], 6);
}

TEST(UpdateChainErrorsTest, Misaligned) {
  double values[] = {1, 2, 3, 4};
  const double two = 2;
  ExpectRefused(
      ApplyInPlace(Operation::kAdd, DType::kFloat64, Bytes(values) + 1, 3, Operand::Scalars(&two)),
      "array is not aligned to 8 bytes");
  ExpectRefused(ApplyInPlace(Operation::kAdd, DType::kFloat64, Bytes(values), 1,
                             Operand::Array(Bytes(values) + 12, 1)),
                "operand is not aligned to 8 bytes");
}

}  // namespace
}  // namespace numpack
