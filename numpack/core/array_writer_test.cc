// Arrays that come piece by piece.
#include "numpack/core/array_writer.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

absl::Span<const std::byte> Bytes(const std::vector<float>& values) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(values.data()),
                             values.size() * sizeof(float));
}

class ArrayWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = ArrayStore::Open(NewMemoryBackend());
    ASSERT_OK(opened.status());
    store_ = std::make_unique<ArrayStore>(*std::move(opened));
  }

  std::unique_ptr<ArrayStore> store_;
};

TEST_F(ArrayWriterTest, ArraysAppearTogether) {
  {
    auto writer = ArrayWriter::Begin(*store_);
    ASSERT_OK(writer.status());
    EXPECT_FALSE(writer->Contains("a"));
    ASSERT_OK(writer->Start("a", DType::kFloat32, {2, 2}));
    EXPECT_TRUE(writer->Contains("a"));
    ASSERT_OK(writer->Write(Bytes({1, 2, 3})));
    ASSERT_OK(writer->Write(Bytes({4})));
    ASSERT_OK(writer->Start("empty", DType::kInt8, {0, 7}));
    ASSERT_OK(writer->Start("scalar", DType::kFloat32, {}));
    ASSERT_OK(writer->Write(Bytes({5})));
    EXPECT_TRUE(writer->Contains("a"));
    EXPECT_TRUE(store_->List().empty());
    ASSERT_OK(writer->Commit());
  }
  EXPECT_EQ(store_->List(), (std::vector<std::string>{"a", "empty", "scalar"}));
  const auto a = store_->Load<float>("a");
  ASSERT_OK(a.status());
  EXPECT_EQ(a->shape(), (Shape{2, 2}));
  EXPECT_EQ(std::vector<float>(a->begin(), a->end()), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(store_->Info("empty")->shape, (Shape{0, 7}));
  EXPECT_EQ((*store_->Load<float>("scalar"))[0], 5);
}

TEST_F(ArrayWriterTest, NothingOfAnUnfinishedOneStays) {
  std::vector<float> values = {1};
  ASSERT_OK(store_->Save("a", MakeView(values)));
  {
    auto writer = ArrayWriter::Begin(*store_);
    ASSERT_OK(writer.status());
    EXPECT_EQ(writer->Write(Bytes({1})).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(writer->Start("", DType::kInt8, {1}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(writer->Start("x", DType::kInt8, {-1}).code(), absl::StatusCode::kInvalidArgument);
    ASSERT_OK(writer->Start("a", DType::kFloat32, {2}));
    EXPECT_EQ(writer->Write(Bytes({1, 2, 3})).code(), absl::StatusCode::kOutOfRange);
    ASSERT_OK(writer->Write(Bytes({7})));
    EXPECT_EQ(writer->Start("b", DType::kInt8, {1}).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(writer->Commit().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ((*store_->Load<float>("a"))[0], 1);
}

TEST_F(ArrayWriterTest, TheRestMayComeAfterACommitThatWasTooEarly) {
  auto writer = ArrayWriter::Begin(*store_);
  ASSERT_OK(writer.status());
  ASSERT_OK(writer->Start("a", DType::kFloat32, {2}));
  const std::vector<float> values = {1, 2};
  ASSERT_OK(writer->Write(Bytes(values).first(3)));
  EXPECT_EQ(writer->Commit().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->List().empty());
  ASSERT_OK(writer->Write(Bytes(values).subspan(3)));
  ASSERT_OK(writer->Commit());
  EXPECT_EQ((*store_->Load<float>("a"))[1], 2);
  EXPECT_EQ(writer->Commit().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(writer->Start("b", DType::kInt8, {1}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ArrayWriterTest, AnArrayThatCannotBePutEndsAll) {
  {
    auto writer = ArrayWriter::Begin(*store_);
    ASSERT_OK(writer.status());
    ASSERT_OK(writer->Start("a", DType::kFloat32, {1}));
    ASSERT_OK(writer->Write(Bytes({1})));
    ASSERT_OK(writer->Start(std::string((1 << 20) + 1, 'x'), DType::kFloat32, {1}));
    ASSERT_OK(writer->Write(Bytes({2})));
    const absl::Status too_long = writer->Start("c", DType::kFloat32, {1});
    EXPECT_EQ(too_long.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(writer->Start("c", DType::kFloat32, {1}), too_long);
    EXPECT_EQ(writer->Write(Bytes({3})), too_long);
    EXPECT_EQ(writer->Commit(), too_long);
  }
  EXPECT_TRUE(store_->List().empty());
  ASSERT_OK(ArrayWriter::Begin(*store_).status());
}

TEST(ArrayWriterBegin, NotOnAHandleThatOnlyReads) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  auto writes = ArrayStore::Open(backend);
  ASSERT_OK(writes.status());
  StoreOptions options;
  options.read_only = true;
  auto reads = ArrayStore::Open(backend, options);
  ASSERT_OK(reads.status());
  EXPECT_EQ(ArrayWriter::Begin(*reads).status().code(), absl::StatusCode::kPermissionDenied);
  ASSERT_OK(ArrayWriter::Begin(*writes).status());
  ASSERT_OK(writes->Close());
  EXPECT_EQ(ArrayWriter::Begin(*writes).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace numpack
