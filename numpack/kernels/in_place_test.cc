#include "numpack/kernels/in_place.h"

#include <array>
#include <cfenv>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "numpack/base/worker_threads.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/view.h"
#include "numpack/kernels/float16.h"

namespace numpack {
namespace {

TEST(InPlaceTest, OnAView) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const View<float> view = MakeView(values, {2, 3});
  ASSERT_TRUE(InPlace(view).Multiply(1.5f).Add(2).Run().ok());
  EXPECT_EQ(values, (std::vector<float>{3.5f, 5, 6.5f, 8, 9.5f, 11}));
}

TEST(InPlaceTest, OnAnArray) {
  std::vector<double> values = {1, 2};
  const Array<double> array(MakeView(values), std::make_shared<ArrayOwner>());
  ASSERT_TRUE(InPlace(array).Subtract(1).Divide(4).MultiplyAdd(2, 10.0).Run().ok());
  EXPECT_EQ(values, (std::vector<double>{10, 10.5}));
}

TEST(InPlaceTest, WithViewsAndArrays) {
  std::vector<int64_t> values = {1, 2, 3};
  std::vector<int64_t> others = {10, 20, 30};
  const View<int64_t> view = MakeView(values);
  const Array<int64_t> array(MakeView(others), std::make_shared<ArrayOwner>());
  const Array<const int64_t> constant(View<const int64_t>(MakeView(others)), array.owner());
  ASSERT_TRUE(InPlace(view)
                  .Add(MakeView(others))
                  .Multiply(array)
                  .Subtract(constant)
                  .Add(View<const int64_t>(view))
                  .Run()
                  .ok());
  EXPECT_EQ(values, (std::vector<int64_t>{200, 840, 1920}));
}

TEST(InPlaceTest, NothingHappensWithoutRun) {
  std::vector<float> values = {1, 2};
  auto chain = InPlace(MakeView(values)).Add(1);
  EXPECT_EQ(values[0], 1);
  ASSERT_TRUE(chain.Run().ok());
  EXPECT_EQ(values[0], 2);
}

TEST(InPlaceTest, MultiplyAddRoundsTwice) {
  const double x = 1 + std::numeric_limits<double>::epsilon();
  std::vector<double> values(100, x);
  volatile double product = x * x;  // volatile: this compiler must not fuse either
  ASSERT_TRUE(InPlace(MakeView(values)).MultiplyAdd(x, -1).Run().ok());
  for (double value : values) ASSERT_EQ(value, product - 1);
}

TEST(InPlaceTest, IntegersWrapAround) {
  std::vector<int32_t> values(40, std::numeric_limits<int32_t>::max());
  ASSERT_TRUE(InPlace(MakeView(values)).Add(1).Run().ok());
  EXPECT_EQ(values, std::vector<int32_t>(40, std::numeric_limits<int32_t>::min()));
}

TEST(InPlaceTest, NumbersThatDoNotFitAreRefused) {
  std::vector<int32_t> values = {1};
  for (int64_t number : {int64_t{1} << 31, -(int64_t{1} << 31) - 1, int64_t{1} << 40}) {
    const absl::Status status = InPlace(MakeView(values)).Add(number).Run();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("does not fit into int32"), std::string::npos) << status;
  }
  EXPECT_FALSE(InPlace(MakeView(values)).Add(std::numeric_limits<uint64_t>::max()).Run().ok());
  EXPECT_FALSE(InPlace(MakeView(values)).Add(uint32_t{1} << 31).Run().ok());
  EXPECT_TRUE(InPlace(MakeView(values)).Add(int64_t{-1}).Run().ok());
  EXPECT_EQ(values[0], 0);
}

TEST(InPlaceTest, ShapesMustAgree) {
  std::vector<float> values = {1, 2, 3, 4};
  std::vector<float> others = {1, 2, 3, 4};
  const absl::Status status = InPlace(MakeView(values, {2, 2})).Add(MakeView(others)).Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "add needs an operand of shape (2, 2), not (4,)");
  EXPECT_FALSE(InPlace(MakeView(values, {2, 3})).Add(1).Run().ok())
      << "the view does not fill its shape";
  EXPECT_FALSE(InPlace(MakeView(values, {2, 2})).Add(MakeView(others, {2, 3})).Run().ok());
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4}));
}

TEST(InPlaceTest, RowsAndColumns) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  std::vector<float> row = {10, 20, 30};
  std::vector<float> column = {2, 3};
  ASSERT_TRUE(InPlace(MakeView(values, {2, 3}))
                  .Multiply(MakeView(column, {2, 1}))
                  .Add(MakeView(row))
                  .Subtract(MakeView(row, {1, 3}))
                  .Add(MakeView(row))
                  .Run()
                  .ok());
  EXPECT_EQ(values, (std::vector<float>{12, 24, 36, 22, 35, 48}));
  EXPECT_FALSE(InPlace(MakeView(values, {2, 3})).Add(MakeView(column)).Run().ok());
  EXPECT_FALSE(InPlace(MakeView(values, {2, 3})).Add(MakeView(column, {1, 2})).Run().ok());
  EXPECT_FALSE(InPlace(MakeView(values)).Add(MakeView(row, {1, 3})).Run().ok());
  std::vector<float> cube(12, 1);
  ASSERT_TRUE(InPlace(MakeView(cube, {2, 2, 3})).Multiply(MakeView(row)).Run().ok());
  EXPECT_EQ(cube, (std::vector<float>{10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30}));
}

// Each method once, that it is the operation of its name.
TEST(InPlaceTest, Methods) {
  std::vector<double> x = {-7};
  const auto run = [](auto chain) { ASSERT_TRUE(chain.Run().ok()) << chain.Run(); };
  const auto view = MakeView(x);
  const auto expect = [&](double before, double after, auto chain) {
    x[0] = before;
    run(chain);
    EXPECT_EQ(x[0], after);
  };
  expect(-7, 10, InPlace(view).ReverseSubtract(3));
  expect(-7, -4, InPlace(view).FloorDivide(2));
  expect(-7, 1, InPlace(view).Remainder(2));
  expect(-7, -7, InPlace(view).Minimum(1));
  expect(-7, 1, InPlace(view).Maximum(1));
  expect(-7, 1, InPlace(view).LogicalAnd(1));
  expect(0, 1, InPlace(view).LogicalOr(5));
  expect(2, 0, InPlace(view).LogicalXor(5));
  expect(2, 0, InPlace(view).LogicalNot());
  expect(2, 7, InPlace(view).FusedMultiplyAdd(2, 3));
  expect(2, 32, InPlace(view).Power(5));
  expect(2, 9, InPlace(view).Fill(9));
  expect(2, 3, InPlace(view).Clip(3, 4));
  expect(2, 9, InPlace(view).ReplaceLess(3, 9));
  expect(3, 9, InPlace(view).ReplaceLessEqual(3, 9));
  expect(4, 9, InPlace(view).ReplaceGreater(3, 9));
  expect(3, 9, InPlace(view).ReplaceGreaterEqual(3, 9));
  expect(3, 9, InPlace(view).ReplaceEqual(3, 9));
  expect(4, 9, InPlace(view).ReplaceNotEqual(3, 9));
  expect(4, -4, InPlace(view).Negate());
  expect(-4, 4, InPlace(view).Abs());
  expect(-4, 16, InPlace(view).Square());
  expect(16, 4, InPlace(view).Sqrt());
  expect(4, 0.25, InPlace(view).Reciprocal());
  expect(0, 1, InPlace(view).Exp());
  expect(1, 0, InPlace(view).Log());
  expect(0, 0, InPlace(view).Tanh());
  expect(0, 0.5, InPlace(view).Sigmoid());

  std::vector<uint16_t> bits = {0x0F0F};
  const auto bit_view = MakeView(bits);
  run(InPlace(bit_view).BitwiseAnd(0x00FF).BitwiseOr(0x1000).BitwiseXor(1).LeftShift(1));
  EXPECT_EQ(bits[0], 0x201C);
  run(InPlace(bit_view).RightShift(2).BitwiseNot());
  EXPECT_EQ(bits[0], 0xF7F8);
}

TEST(InPlaceTest, HalvesComplexNumbersAndBools) {
  std::vector<Float16> halves = {ToFloat16(1.5F)};
  ASSERT_TRUE(InPlace(MakeView(halves)).Multiply(2).Add(ToFloat16(0.25F)).Run().ok());
  EXPECT_EQ(ToFloat32(halves[0]), 3.25F);
  std::vector<std::complex<float>> numbers = {{1, 2}};
  ASSERT_TRUE(InPlace(MakeView(numbers)).Multiply(std::complex<float>(0, 1)).Add(5).Run().ok());
  EXPECT_EQ(numbers[0], std::complex<float>(3, 1));
  std::array<bool, 2> flags = {true, false};
  ASSERT_TRUE(InPlace(MakeView(flags)).BitwiseXor(true).Run().ok());
  EXPECT_EQ(flags, (std::array<bool, 2>{false, true}));
}

TEST(InPlaceTest, CastEndsTheChain) {
  std::vector<float> values = {1.75F, -2.5F};
  ASSERT_TRUE(InPlace(MakeView(values)).Multiply(2).Cast(DType::kInt32).Run().ok());
  int32_t integers[2];
  std::memcpy(integers, values.data(), sizeof(integers));
  EXPECT_EQ(integers[0], 3);
  EXPECT_EQ(integers[1], -5);
  EXPECT_FALSE(InPlace(MakeView(values)).Cast(DType::kInt32).Add(1).Run().ok());
  EXPECT_FALSE(InPlace(MakeView(values)).Cast(DType::kFloat64).Run().ok());
}

TEST(InPlaceTest, ScalarArraysAndEmptyArrays) {
  const absl::StatusOr<AnyArray> scalar = NewHeapArray(DType::kFloat32, {});
  ASSERT_TRUE(scalar.ok());
  const absl::StatusOr<Array<float>> one = scalar->As<float>();
  ASSERT_TRUE(one.ok());
  (*one)[0] = 3;
  ASSERT_TRUE(InPlace(*one).Multiply(2).Run().ok());
  EXPECT_EQ((*one)[0], 6);
  std::vector<float> none;
  EXPECT_TRUE(InPlace(MakeView(none, {0, 5})).Multiply(2).Run().ok());
}

TEST(InPlaceTest, ExceptionsOfAllThreadsReachTheCaller) {
  SetDefaultThreads(2);
  std::vector<float> values(4 << 20, 1);
  for (size_t zero : {size_t{0}, values.size() - 1}) {  // in the caller's part, in the helper's
    values.assign(values.size(), 1);
    values[zero] = 0;
    std::feclearexcept(FE_ALL_EXCEPT);
    ASSERT_TRUE(InPlace(MakeView(values)).Divide(0).Run().ok());
    EXPECT_TRUE(std::fetestexcept(FE_INVALID));
    EXPECT_TRUE(std::fetestexcept(FE_DIVBYZERO));
    EXPECT_FALSE(std::fetestexcept(FE_OVERFLOW));
  }
  std::feclearexcept(FE_ALL_EXCEPT);
  SetDefaultThreads(0);
}

}  // namespace
}  // namespace numpack
