// A batch whose writes fail: the error names what failed, and what is pending stays. That nothing
// is published is for //tests/faults to show.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/batch/batch.h"
#include "numpack/batch/batch_state.h"
#include "numpack/core/array_store.h"

namespace numpack {
namespace {

constexpr int kArrays = 3;

class BatchFaultTest : public testing::Test {
 protected:
  void SetUp() override { Start(); }

  void Start() {
    backend_ = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
    store_ = std::make_unique<ArrayStore>(*ArrayStore::Open(backend_));
    for (int i = 0; i < kArrays; ++i) {
      std::vector<float> values(100'000, 1.0f);
      ASSERT_EQ(store_->Save(absl::StrCat("array", i), MakeView(values)), absl::OkStatus());
    }
  }
  // As NumPack::BeginBatch does.
  Batch BeginBatch(BatchOptions options = {}) {
    auto state = std::make_shared<BatchState>(*store_->Duplicate(), std::move(options));
    EXPECT_EQ(state->Join(), absl::OkStatus());
    return Batch(state);
  }

  std::shared_ptr<FaultInjectingBackend> backend_;
  std::unique_ptr<ArrayStore> store_;
};

TEST_F(BatchFaultTest, AFailedWriteNamesTheArray) {
  Batch batch = BeginBatch();
  ASSERT_EQ(batch.Save("array1", *NewHeapArray(DType::kFloat32, {100'000})), absl::OkStatus());
  backend_->Count([](const BackendCall& call) {
    return call.operation == BackendOperation::kWrite && absl::StartsWith(call.file, "segment.");
  });
  backend_->FailFrom(1, absl::ResourceExhaustedError("no space left"));
  // An explicit flush that fails keeps everything pending.
  const absl::Status flushed = batch.Flush();
  EXPECT_EQ(flushed.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(flushed.message(), "array1")) << flushed;
  EXPECT_EQ(batch.DirtyNames(), std::vector<std::string>{"array1"});
  backend_->Heal();
  EXPECT_EQ(batch.Commit(), absl::OkStatus());
}

TEST_F(BatchFaultTest, AFailedSaveKeepsTheOlderPendingArray) {
  BatchOptions options;
  options.memory_limit_bytes = 900'000;
  Batch batch = BeginBatch(options);
  std::vector<float> twos(100'000, 2.0f);
  for (const char* name : {"array0", "array1"}) {
    auto array = batch.Load<float>(name);
    ASSERT_EQ(array.status(), absl::OkStatus());
    for (float& value : *array) value = 2;
    ASSERT_EQ(batch.Save(name, *array), absl::OkStatus());
  }
  // Room for this one takes spilling array1.
  backend_->FailFrom(1, absl::ResourceExhaustedError("no space left"));
  EXPECT_EQ(batch.Save("array0", *NewHeapArray(DType::kFloat32, {200'000})).code(),
            absl::StatusCode::kResourceExhausted);
  backend_->Heal();
  const auto kept = batch.Load<float>("array0");
  ASSERT_EQ(kept.status(), absl::OkStatus());
  EXPECT_EQ(std::vector<float>(kept->begin(), kept->end()), twos);
  ASSERT_EQ(batch.Commit(), absl::OkStatus());
  const auto stored = store_->Load<float>("array0");
  EXPECT_EQ(std::vector<float>(stored->begin(), stored->end()), twos);
}

}  // namespace
}  // namespace numpack
