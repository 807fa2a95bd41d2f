// A batch whose flush fails, at every backend call: the error names what failed, and nothing is
// published.
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
#include "numpack/batch/writable_batch.h"
#include "numpack/batch/writable_batch_state.h"
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
  // The value that all elements of all arrays have, or -1 when they differ.
  float StoredValue() {
    float common = 0;
    for (int i = 0; i < kArrays; ++i) {
      const auto array = store_->View<float>(absl::StrCat("array", i));
      EXPECT_EQ(array.status(), absl::OkStatus());
      for (const float value : *array) {
        if (common == 0) common = value;
        if (value != common) return -1;
      }
    }
    return common;
  }

  std::shared_ptr<FaultInjectingBackend> backend_;
  std::unique_ptr<ArrayStore> store_;
};

TEST_F(BatchFaultTest, CommitIsAllOrNothing) {
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 100);
    if (n > 1) Start();
    Batch batch = BeginBatch();
    for (int i = 0; i < kArrays; ++i) {
      auto array = batch.Load<float>(absl::StrCat("array", i));
      for (float& value : *array) value = 2;
      ASSERT_EQ(batch.Save(absl::StrCat("array", i), *array), absl::OkStatus());
    }
    backend_->FailAt(n, absl::ResourceExhaustedError("injected"));
    const absl::Status status = batch.Commit();
    const bool failed = backend_->faults() > 0;
    backend_->Heal();
    if (!failed) {
      EXPECT_EQ(status, absl::OkStatus());
      EXPECT_EQ(StoredValue(), 2);
      return;
    }
    EXPECT_EQ(StoredValue(), status.ok() ? 2 : 1) << "call " << n << ": " << status;
    // The writer's turn is free, and the store works.
    std::vector<float> values(10, 1.0f);
    EXPECT_EQ(store_->Save("after", MakeView(values)), absl::OkStatus());
  }
}

// Under a limit that makes it spill, from its first load on.
TEST_F(BatchFaultTest, ASpillingBatchIsAllOrNothing) {
  bool spill_failed = false;
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 200);
    Start();
    BatchOptions options;
    options.memory_limit_bytes = 400'000;  // one array
    Batch batch = BeginBatch(options);
    backend_->FailAt(n, absl::ResourceExhaustedError("injected"));
    absl::Status status;
    for (int i = 0; i < kArrays && status.ok(); ++i) {
      const std::string name = absl::StrCat("array", i);
      auto array = batch.Load<float>(name);
      status = array.status();
      if (!status.ok()) break;
      for (float& value : *array) value = 2;
      status = batch.Save(name, *array);
    }
    spill_failed = spill_failed || !status.ok();
    // What failed is pending as it was: the batch could go on. This user gives up.
    if (status.ok()) {
      status = batch.Commit();
    } else {
      EXPECT_EQ(batch.Discard(), absl::OkStatus());
    }
    const bool failed = backend_->faults() > 0;
    backend_->Heal();
    EXPECT_EQ(StoredValue(), status.ok() ? 2 : 1) << "call " << n << ": " << status;
    std::vector<float> values(10, 1.0f);
    EXPECT_EQ(store_->Save("after", MakeView(values)), absl::OkStatus());
    if (!failed) break;
  }
  EXPECT_TRUE(spill_failed);
}

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

TEST_F(BatchFaultTest, WritableLoadAndFinishReportErrors) {
  bool load_failed = false;
  bool finish_failed = false;
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 100);
    Start();
    auto state = std::make_shared<WritableBatchState>(*store_->Duplicate());
    ASSERT_EQ(state->Join(), absl::OkStatus());
    WritableBatch writable(state);
    backend_->FailAt(n, absl::DataLossError("injected"));
    const auto array = writable.Load<float>("array0");
    load_failed = load_failed || !array.ok();
    if (array.ok()) {
      (*array)[0] = 2;
      const absl::Status finished = writable.Finish();
      finish_failed = finish_failed || !finished.ok();
    }
    const bool failed = backend_->faults() > 0;
    backend_->Heal();
    if (!failed) break;
    // Whatever failed, readers go on.
    EXPECT_TRUE(store_->View("array0").ok());
    EXPECT_TRUE(store_->View("array1").ok());
  }
  EXPECT_TRUE(load_failed);
  EXPECT_TRUE(finish_failed);
}

}  // namespace
}  // namespace numpack
