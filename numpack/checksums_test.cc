// With checksums, every way to change arrays leaves a right one.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/array_writer.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr int64_t kColumns = 100;

std::vector<float> Values(int64_t rows, float first = 0) {
  std::vector<float> values(static_cast<size_t>(rows * kColumns));
  std::iota(values.begin(), values.end(), first);
  return values;
}

View<float> Rows(std::vector<float>& values) {
  return MakeView(values, {static_cast<int64_t>(values.size()) / kColumns, kColumns});
}

class ChecksumsTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = Open(/*checksum=*/true);
    for (const char* name : {"small", "large"}) {
      std::vector<float> values = Values(name[0] == 's' ? 10 : 1000);
      ASSERT_OK(store_->Save(name, Rows(values)));
    }
  }
  std::unique_ptr<NumPack> Open(bool checksum) {
    StoreOptions options;
    options.checksum = checksum;
    auto store = NumPack::Open(backend_, options);
    EXPECT_EQ(store.status(), absl::OkStatus());
    return std::make_unique<NumPack>(*std::move(store));
  }
  // From here on nobody asks for checksums: those that are there stay.
  void ReopenWithout() {
    ASSERT_OK(store_->Close());
    store_ = Open(/*checksum=*/false);
  }
  void ExpectAllRight() {
    const std::vector<std::string> names = store_->List();
    for (const std::string& name : names) EXPECT_TRUE(store_->Info(name)->has_checksum) << name;
    const auto report = Verify(*backend_);
    ASSERT_OK(report.status());
    EXPECT_EQ(report->contents_checked, names.size());
    for (const Finding& finding : report->findings) {
      EXPECT_EQ(finding.severity, Severity::kNote) << finding.array << finding.what;
    }
  }

  std::shared_ptr<Backend> backend_ = NewMemoryBackend();
  std::unique_ptr<NumPack> store_;
};

TEST_F(ChecksumsTest, OnlyArraysThatWereSavedWithTheOption) {
  ExpectAllRight();
  ReopenWithout();
  std::vector<float> values = Values(5);
  ASSERT_OK(store_->Save("without", Rows(values)));
  EXPECT_FALSE(store_->Info("without")->has_checksum);
  EXPECT_EQ(Verify(*backend_)->contents_checked, 2u);
}

TEST_F(ChecksumsTest, ChangesOfRows) {
  std::vector<float> rows = Values(3, -1e6f);
  for (const bool reopened : {false, true}) {
    if (reopened) ReopenWithout();
    for (const char* name : {"small", "large"}) {
      ASSERT_OK(store_->ReplaceRows(name, {1, 5, -1}, *Erase(Rows(rows))));
      ExpectAllRight();
      ASSERT_OK(store_->ReplaceRows(name, {2, 2, 1}, *Erase(Rows(rows))));
      ExpectAllRight();
      ASSERT_OK(store_->Append(name, Rows(rows)));
      ExpectAllRight();
      ASSERT_OK(store_->DropRows(name, {0, 4}));
      ExpectAllRight();
      ASSERT_OK(store_->ReplaceRows(name, {1, 2, 3}, *Erase(Rows(rows))));
      ASSERT_OK(store_->Append(name, Rows(rows)));
      ExpectAllRight();
      ASSERT_OK(store_->Compact(name));
      ExpectAllRight();
    }
  }
}

TEST_F(ChecksumsTest, NamesAndCopies) {
  ReopenWithout();
  auto changes = store_->Begin();
  ASSERT_OK(changes.status());
  ASSERT_OK(changes->Rename("small", "tiny"));
  ASSERT_OK(changes->DropAllRows("large"));
  ASSERT_OK(changes->Commit());
  ExpectAllRight();
  std::vector<float> rows = Values(100);
  ASSERT_OK(store_->Append("large", Rows(rows)));
  ExpectAllRight();
}

TEST_F(ChecksumsTest, ABatchThatSpills) {
  BatchOptions options;
  options.memory_limit_bytes = 500'000;
  auto batch = store_->BeginBatch(options);
  ASSERT_OK(batch.status());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      auto array = NewHeapArray(DType::kFloat32, {300, kColumns});
      ASSERT_OK(array.status());
      auto typed = array->As<float>();
      std::iota(typed->begin(), typed->end(), static_cast<float>(i + round));
      ASSERT_OK(batch->Save(absl::StrCat(i), *array));
    }
    std::vector<float> rows = Values(2);
    ASSERT_OK(batch->Append("3", *Erase(Rows(rows))));
    ASSERT_OK(batch->Append("large", *Erase(Rows(rows))));
    ASSERT_OK(batch->DropRows("7", {1}));
    ASSERT_OK(batch->Clone("5", absl::StrCat("copy ", round)));
  }
  EXPECT_GT(batch->stats().spills, 0);
  ASSERT_OK(batch->Commit());
  ExpectAllRight();
}

TEST_F(ChecksumsTest, ArraysWrittenPieceByPiece) {
  auto writer = ArrayWriter::Begin(*store_);
  ASSERT_OK(writer.status());
  std::vector<float> values = Values(3000);
  ASSERT_OK(writer->Start("written", DType::kFloat32, {3000, kColumns}));
  const auto bytes = absl::MakeConstSpan(reinterpret_cast<const std::byte*>(values.data()),
                                         values.size() * sizeof(float));
  for (size_t at = 0; at < bytes.size(); at += 7777) {
    ASSERT_OK(writer->Write(bytes.subspan(at, 7777)));
  }
  ASSERT_OK(writer->Commit());
  ExpectAllRight();
}

TEST_F(ChecksumsTest, WritableBatch) {
  ReopenWithout();
  ASSERT_OK(store_->DropRows("large", {3}));
  auto writable = store_->BeginWritable();
  ASSERT_OK(writable.status());
  for (const char* name : {"small", "large"}) {
    auto view = writable->Load(name);
    ASSERT_OK(view.status());
    *view->mutable_data() = std::byte{77};
  }
  ASSERT_OK(writable->Finish());
  ExpectAllRight();
}

}  // namespace
}  // namespace numpack
