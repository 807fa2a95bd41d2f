// dtype.h, shape.h, view.h, array.h
#include <algorithm>
#include <complex>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

TEST(DType, NamesAndCodesRoundTrip) {
  for (int code = 0; code < kDTypeCount; ++code) {
    const absl::StatusOr<DType> dtype = DTypeFromCode(static_cast<uint8_t>(code));
    ASSERT_EQ(dtype.status(), absl::OkStatus());
    EXPECT_EQ(*DTypeFromName(DTypeName(*dtype)), *dtype);
  }
  EXPECT_EQ(DTypeFromCode(kDTypeCount).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DTypeFromName("float128").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DType, OfCppTypes) {
  EXPECT_EQ(DTypeOf<bool>, DType::kBool);
  EXPECT_EQ(DTypeOf<signed char>, DType::kInt8);
  EXPECT_EQ(DTypeOf<const uint16_t>, DType::kUint16);
  EXPECT_EQ(DTypeOf<long long>, DType::kInt64);  // NOLINT: another type than int64_t on Linux
  EXPECT_EQ(DTypeOf<Float16>, DType::kFloat16);
  EXPECT_EQ(DTypeOf<std::complex<double>>, DType::kComplex128);
  EXPECT_EQ(ItemSize(DTypeOf<std::complex<float>>), sizeof(std::complex<float>));
}

TEST(Shape, CountsAndRefusesWhatDoesNotFit) {
  EXPECT_EQ(*CountElements({}, DType::kFloat64), 1);
  EXPECT_EQ(*CountElements({3, 0, 5}, DType::kFloat64), 0);
  EXPECT_EQ(*CountElements({3, 4, 5}, DType::kInt8), 60);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*CountElements({kMax}, DType::kInt8), kMax);
  EXPECT_FALSE(CountElements({kMax}, DType::kInt16).ok());
  EXPECT_FALSE(CountElements({int64_t{1} << 32, int64_t{1} << 32}, DType::kInt8).ok());
  EXPECT_FALSE(CountElements({0, int64_t{1} << 32, int64_t{1} << 32}, DType::kInt8).ok())
      << "strides would overflow";
  EXPECT_FALSE(CountElements({-1}, DType::kInt8).ok());
  EXPECT_TRUE(CountElements(Shape(kMaxRank, 1), DType::kInt8).ok());
  EXPECT_FALSE(CountElements(Shape(kMaxRank + 1, 1), DType::kInt8).ok());
}

TEST(Shape, AsPythonWritesIt) {
  EXPECT_EQ(ShapeString({}), "()");
  EXPECT_EQ(ShapeString({3}), "(3,)");
  EXPECT_EQ(ShapeString({3, 4}), "(3, 4)");
}

TEST(View, SizeMustFillTheShape) {
  std::vector<float> values(6);
  EXPECT_TRUE(Erase(MakeView(values, {2, 3})).ok());
  EXPECT_EQ(Erase(MakeView(values, {2, 4})).status().code(), absl::StatusCode::kInvalidArgument);
  const std::vector<float> constant(6);
  const View<const float> view = MakeView(constant);
  EXPECT_EQ(view.shape(), (Shape{6}));
}

TEST(View, ValidateFindsMissingParts) {
  ArrayView view;
  view.shape = {2};
  view.strides = {1};
  EXPECT_FALSE(Validate(view).ok()) << "no data";
  const uint8_t data[2] = {};
  view.data = reinterpret_cast<const std::byte*>(data);
  EXPECT_TRUE(Validate(view).ok());
  view.strides = {};
  EXPECT_FALSE(Validate(view).ok()) << "no stride";
}

// Every permutation of the axes, every step and direction, against indexing element by element.
template <typename T>
void CheckCopies() {
  constexpr int64_t kAxes[3] = {4, 3, 5};
  std::vector<T> values(60);
  for (size_t i = 0; i < values.size(); ++i) values[i] = T(static_cast<float>(i));
  const ArrayView whole = *Erase(MakeView(values, {kAxes[0], kAxes[1], kAxes[2]}));
  int order[3] = {0, 1, 2};
  do {
    for (const int64_t step : {1, 2, -1, -2}) {
      ArrayView view = whole;
      std::vector<T> expected;
      const std::byte* start = view.data;
      for (int axis = 0; axis < 3; ++axis) {
        const int from = order[axis];
        view.shape[axis] =
            (kAxes[from] + (step < 0 ? -step : step) - 1) / (step < 0 ? -step : step);
        view.strides[axis] = whole.strides[from] * step;
        if (step < 0) start += whole.strides[from] * (kAxes[from] - 1);
      }
      view.data = start;
      for (int64_t i = 0; i < view.shape[0]; ++i) {
        for (int64_t j = 0; j < view.shape[1]; ++j) {
          for (int64_t k = 0; k < view.shape[2]; ++k) {
            const std::byte* at =
                view.data + i * view.strides[0] + j * view.strides[1] + k * view.strides[2];
            expected.push_back(*reinterpret_cast<const T*>(at));
          }
        }
      }
      std::vector<T> copy(expected.size());
      CopyElements(view, reinterpret_cast<std::byte*>(copy.data()));
      EXPECT_EQ(copy, expected);
    }
  } while (std::next_permutation(order, order + 3));
}

TEST(View, CopyElementsGivesLogicalOrder) {
  CheckCopies<uint8_t>();
  CheckCopies<int16_t>();
  CheckCopies<float>();
  CheckCopies<double>();
  CheckCopies<std::complex<double>>();
}

TEST(View, CopyElementsOfBroadcastAndEmpty) {
  const float one = 7;
  ArrayView view{DType::kFloat32, {3, 2}, {0, 0}, reinterpret_cast<const std::byte*>(&one)};
  EXPECT_FALSE(view.IsContiguous());
  std::vector<float> copy(6);
  CopyElements(view, reinterpret_cast<std::byte*>(copy.data()));
  EXPECT_EQ(copy, std::vector<float>(6, 7));
  view.shape = {0, 2};
  EXPECT_TRUE(view.IsContiguous());
  CopyElements(view, nullptr);
}

TEST(Array, TypesAndWritabilityAreChecked) {
  const AnyArray array = *NewHeapArray(DType::kFloat32, {2, 3});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % 64, 0u);
  EXPECT_TRUE(array.As<float>().ok());
  EXPECT_EQ(array.As<double>().status().code(), absl::StatusCode::kInvalidArgument);
  const AnyArray read_only(array.view(), /*writable=*/false, array.owner());
  EXPECT_EQ(read_only.As<float>().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(read_only.As<const float>().ok());
  EXPECT_EQ(read_only.mutable_data(), nullptr);
  ArrayView transposed = array.view();
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  EXPECT_EQ(AnyArray(transposed, true, array.owner()).As<float>().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Array, MemoryThatIsNotThereIsAnError) {
  EXPECT_EQ(NewHeapArray(DType::kInt8, {int64_t{1} << 62}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(NewHeapArray(DType::kInt8, {-1}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NewHeapArray(DType::kInt8, {0, 3})->nbytes(), 0);
}

}  // namespace
}  // namespace numpack
