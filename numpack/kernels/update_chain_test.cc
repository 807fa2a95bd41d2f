#include "numpack/kernels/update_chain.h"

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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
  for (T& value : values) {
    value = static_cast<T>(static_cast<double>(random() % 2001) / 7 - 100);
  }
  return values;
}

template <>
std::vector<uint8_t> RandomValues<uint8_t>(size_t count, int seed) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  std::vector<uint8_t> values(count);
  for (uint8_t& value : values) value = static_cast<uint8_t>(random());
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

// Rows with gaps, short and long ones, and all that can stand beside them.
template <typename T>
class UpdateChainRowsTest : public testing::Test {
 protected:
  void SetUp() override { SetDefaultThreads(2); }
  void TearDown() override { SetDefaultThreads(0); }

  struct Geometry {
    int64_t rows;
    int64_t row_elements;
    int64_t stride;  // in elements

    // Elements from the first to the last one, and where the first row is among them.
    int64_t extent() const { return (rows - 1) * std::abs(stride) + row_elements; }
    int64_t first() const { return stride < 0 ? (1 - rows) * stride : 0; }
  };

  // Two columns and one row with all kinds of rhythm, then what the sizes in update_chain.cc set
  // apart: rows of less and more than 4 KiB, arrays for one and for two threads, rows that are
  // shared out among threads.
  static std::vector<Geometry> Geometries() {
    std::vector<Geometry> all;
    for (int64_t rows : {1, 2, 700}) {
      for (int64_t row_elements : {1, 3, 10, 1500}) {
        for (int64_t gap : {0, 1, 7}) all.push_back({rows, row_elements, row_elements + gap});
      }
    }
    all.push_back({300, 5, -9});
    all.push_back({9, 5000, -5000});
    all.push_back({30000, 11, 11});
    all.push_back({30000, 11, 12});
    all.push_back({2, 300000, 300001});
    return all;
  }

  // One element at a time, in a pass of its own for each operation.
  struct Beside {
    Operation operation;
    Operand operand;
  };
  void RunSeparately(T* data, const Geometry& g, const std::vector<Beside>& steps) const {
    for (const Beside& step : steps) {
      const Kernel kernel = FindKernel(step.operation, OperandKind::kArray, DTypeOf<T>);
      const Operand& b = step.operand;
      for (int64_t r = 0; r < g.rows; ++r) {
        for (int64_t c = 0; c < g.row_elements; ++c) {
          const bool one_row = b.source == Operand::Source::kRow;
          const bool one_column = b.source == Operand::Source::kColumn;
          const bool flat = b.source == Operand::Source::kArray;
          const int64_t row_stride = flat      ? g.row_elements * static_cast<int64_t>(sizeof(T))
                                     : one_row ? 0
                                               : b.stride;
          const auto* value = static_cast<const std::byte*>(b.data) + r * row_stride +
                              (one_column ? 0 : c * static_cast<int64_t>(sizeof(T)));
          kernel(Bytes(data + r * g.stride + c), value, 1);
        }
      }
    }
  }
};

using RowTypes = testing::Types<uint8_t, float, int32_t, std::complex<double>>;
TYPED_TEST_SUITE(UpdateChainRowsTest, RowTypes);

TYPED_TEST(UpdateChainRowsTest, IsOneElementAtATime) {
  using T = TypeParam;
  constexpr auto kItem = static_cast<int64_t>(sizeof(T));
  for (const auto& g : this->Geometries()) {
    const auto elements = static_cast<size_t>(g.extent());
    const std::vector<T> values = RandomValues<T>(elements + 2, 1);
    // Rows of another stride, an array without gaps, a row, a column of every second element.
    const int64_t other_stride = g.row_elements + 2;
    const std::vector<T> rows = RandomValues<T>(static_cast<size_t>(g.rows * other_stride), 2);
    const std::vector<T> array = RandomValues<T>(static_cast<size_t>(g.rows * g.row_elements), 3);
    const std::vector<T> row = RandomValues<T>(static_cast<size_t>(g.row_elements), 4);
    const std::vector<T> column = RandomValues<T>(static_cast<size_t>(2 * g.rows), 5);
    const Operand operands[] = {
        Operand::Rows(rows.data(), g.rows, g.row_elements, other_stride * kItem),
        Operand::Array(array.data(), g.rows * g.row_elements),
        Operand::Row(row.data(), g.row_elements),
        Operand::Column(column.data(), g.rows, 2 * kItem)};
    std::vector<std::vector<typename TestFixture::Beside>> chains;
    for (const Operand& operand : operands) chains.push_back({{Operation::kAdd, operand}});
    chains.push_back({{Operation::kAdd, operands[0]},
                      {Operation::kMultiply, operands[1]},
                      {Operation::kSubtract, operands[2]},
                      {Operation::kAdd, operands[3]}});
    for (const auto& chain : chains) {
      std::vector<T> expected = values;
      this->RunSeparately(expected.data() + 1 + g.first(), g, chain);
      for (int threads : {1, 2}) {
        std::vector<T> actual = values;
        UpdateChain update(DTypeOf<T>, RowSpan{Bytes(actual.data() + 1 + g.first()), g.rows,
                                               g.row_elements, g.stride * kItem});
        update.set_max_threads(threads);
        for (const auto& step : chain) update.Append(step.operation, step.operand);
        ASSERT_TRUE(update.Run().ok()) << update.Run();
        ASSERT_EQ(std::memcmp(actual.data(), expected.data(), actual.size() * sizeof(T)), 0)
            << g.rows << " rows of " << g.row_elements << ", stride " << g.stride << ", "
            << chain.size() << " operations, source " << static_cast<int>(chain[0].operand.source)
            << ", " << threads << " threads";
      }
    }
  }
}

TEST(UpdateChainShapesTest, RowsThatTakeTurnsShareNoByte) {
  float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const RowSpan left = {Bytes(values), 2, 2, 16};
  UpdateChain chain(DType::kFloat32, left);
  chain.Append(Operation::kAdd, Operand::Rows(values + 2, 2, 2, 16));
  ASSERT_TRUE(chain.Run().ok()) << chain.Run();
  EXPECT_EQ((std::vector<float>(values, values + 8)),
            (std::vector<float>{4, 6, 3, 4, 12, 14, 7, 8}));
  for (int64_t offset : {1, 3}) {
    UpdateChain bad(DType::kFloat32, left);
    bad.Append(Operation::kAdd, Operand::Rows(values + offset, 2, 2, 16));
    EXPECT_EQ(bad.Run().code(), absl::StatusCode::kInvalidArgument) << offset;
  }
}

TEST(UpdateChainShapesTest, OperandMayBeTheRowsThemselves) {
  float values[] = {1, 2, 3, 4, 5, 6};
  UpdateChain chain(DType::kFloat32, RowSpan{Bytes(values), 2, 2, 12});
  chain.Append(Operation::kMultiply, Operand::Rows(values, 2, 2, 12));
  ASSERT_TRUE(chain.Run().ok()) << chain.Run();
  EXPECT_EQ((std::vector<float>(values, values + 6)), (std::vector<float>{1, 4, 3, 16, 25, 6}));
}

TEST(UpdateChainShapesTest, CastInTheMiddle) {
  std::vector<float> values(20000, 2.75F);
  UpdateChain chain(DType::kFloat32, Bytes(values.data()), 20000);
  const float half = 0.5F;
  const int32_t three = 3;
  chain.Append(Operation::kAdd, Operand::Scalars(&half));
  chain.Cast(DType::kInt32);
  EXPECT_EQ(chain.dtype(), DType::kInt32);
  chain.Append(Operation::kLeftShift, Operand::Scalars(&three));
  chain.Cast(DType::kFloat32);
  chain.Append(Operation::kAdd, Operand::Scalars(&half));
  ASSERT_TRUE(chain.Run().ok()) << chain.Run();
  EXPECT_EQ(values, std::vector<float>(20000, 24.5F));
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
      ApplyInPlace(Operation::kSubtract, DType::kBool, Bytes(values), 2, Operand::Scalars(&two)),
      "bool");
  ExpectRefused(ApplyInPlace(Operation::kMultiplyAdd, DType::kInt32, Bytes(values), 2,
                             Operand::Array(values, 2)),
                "with an array");
  EXPECT_EQ(values[0], 6);
}

TEST(UpdateChainErrorsTest, WhatNumPyRefuses) {
  std::vector<double> memory(2);
  struct Refused {
    Operation operation;
    DType dtype;
  };
  const Refused refused[] = {
      {Operation::kDivide, DType::kUint8},          {Operation::kSubtract, DType::kBool},
      {Operation::kBitwiseAnd, DType::kFloat32},    {Operation::kLeftShift, DType::kFloat64},
      {Operation::kFloorDivide, DType::kComplex64}, {Operation::kMinimum, DType::kComplex128},
  };
  for (const Refused& r : refused) {
    ExpectRefused(ApplyInPlace(r.operation, r.dtype, Bytes(memory.data()), 1,
                               Operand::Scalars(memory.data())),
                  "there is no in-place");
  }
  for (Operation operation : {Operation::kSqrt, Operation::kExp, Operation::kReciprocal}) {
    ExpectRefused(ApplyInPlace(operation, DType::kInt64, Bytes(memory.data()), 1, Operand::None()),
                  "there is no in-place");
  }
  // A scalar too many, and one too few.
  ExpectRefused(ApplyInPlace(Operation::kSqrt, DType::kFloat64, Bytes(memory.data()), 1,
                             Operand::Scalars(memory.data())),
                "with a scalar");
  ExpectRefused(
      ApplyInPlace(Operation::kAdd, DType::kFloat64, Bytes(memory.data()), 1, Operand::None()),
      "with no operand");
  UpdateChain chain(DType::kFloat64, Bytes(memory.data()), 2);
  chain.Cast(DType::kInt32);
  ExpectRefused(chain.Run(), "float64 elements cannot be cast in place to int32");
}

TEST(UpdateChainErrorsTest, Exponents) {
  double values[] = {2, 3};
  for (double bad : {-1.0, 0.5, 65.0, std::nan("")}) {
    ExpectRefused(
        ApplyInPlace(Operation::kPower, DType::kFloat64, Bytes(values), 2, Operand::Scalars(&bad)),
        "whole exponent");
  }
  int8_t number = 2;
  const int8_t minus_one = -1;
  ExpectRefused(ApplyInPlace(Operation::kPower, DType::kInt8, Bytes(&number), 1,
                             Operand::Scalars(&minus_one)),
                "negative powers");
  const double five = 5;
  ASSERT_TRUE(
      ApplyInPlace(Operation::kPower, DType::kFloat64, Bytes(values), 2, Operand::Scalars(&five))
          .ok());
  EXPECT_EQ(values[0], 32);
  EXPECT_EQ(values[1], 243);
}

TEST(UpdateChainErrorsTest, RowsOfOtherLengths) {
  std::vector<float> values(12);
  const RowSpan target = {Bytes(values.data()), 2, 3, 24};
  const std::vector<float> others(12);
  for (const Operand& operand :
       {Operand::Row(others.data(), 4), Operand::Column(others.data(), 3, 4),
        Operand::Rows(others.data(), 3, 2, 8), Operand::Rows(others.data(), 2, 4, 16)}) {
    UpdateChain chain(DType::kFloat32, target);
    chain.Append(Operation::kAdd, operand);
    ExpectRefused(chain.Run(), "add of 2 rows of 3 elements cannot have an operand");
  }
  UpdateChain overlapping(DType::kFloat32, RowSpan{Bytes(values.data()), 2, 3, 8});
  overlapping.Append(Operation::kSqrt, Operand::None());
  ExpectRefused(overlapping.Run(), "rows of the array overlap");
  // A row of the array itself would be read after it was changed.
  UpdateChain own_row(DType::kFloat32, target);
  own_row.Append(Operation::kAdd, Operand::Row(values.data(), 3));
  ExpectRefused(own_row.Run(), "overlaps");
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
