// Atomic writable batches: all arrays or none, whatever happens, and nobody sees them before.
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/base/mode_error.h"
#include "numpack/batch/writable_batch.h"
#include "numpack/batch/writable_batch_state.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"
#include "numpack/storage/store_test_util.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))
#define EXPECT_OK(expression) EXPECT_EQ(absl::OkStatus(), (expression))

// Packed with others, with pages of its own, and with a segment of its own.
constexpr size_t kSizes[] = {100, 20'000, 200'000};

// The value that all elements of all arrays have, or -1 when they differ.
float CommonValue(const ArrayStore& store) {
  float common = 0;
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    const auto array = store.Load<float>(absl::StrCat("a", i));
    EXPECT_OK(array.status());
    EXPECT_EQ(array->size(), kSizes[i]);
    for (const float value : *array) {
      if (common == 0) common = value;
      if (value != common) return -1;
    }
  }
  return common;
}

class AtomicTest : public testing::Test {
 protected:
  void SetUp() override { Start(); }

  void Start() {
    store_ = nullptr;
    backend_ =
        std::make_shared<FaultInjectingBackend>(storage::WithBootId(NewMemoryBackend(), "boot"));
    store_ = std::make_unique<ArrayStore>(*ArrayStore::Open(backend_));
    for (size_t i = 0; i < std::size(kSizes); ++i) {
      const std::vector<float> values(kSizes[i], 1.0f);
      ASSERT_OK(store_->Save(absl::StrCat("a", i), MakeView(values)));
    }
    ASSERT_OK(store_->Flush());
  }
  // As NumPack::BeginWritable does.
  std::shared_ptr<WritableBatchState> NewState(bool atomic = true) {
    WritableBatchOptions options;
    options.atomic = atomic;
    return std::make_shared<WritableBatchState>(*store_->Duplicate(), options);
  }
  static WritableBatch Join(const std::shared_ptr<WritableBatchState>& state) {
    EXPECT_OK(state->Join());
    return WritableBatch(state);
  }
  WritableBatch Begin() { return Join(NewState()); }
  // Loads all arrays and makes all elements 2.
  static absl::Status ChangeAll(WritableBatch& batch) {
    for (size_t i = 0; i < std::size(kSizes); ++i) {
      auto array = batch.Load<float>(absl::StrCat("a", i));
      if (!array.ok()) return array.status();
      for (float& value : *array) value = 2;
    }
    return absl::OkStatus();
  }
  // Opens what is left when the process is killed now, or the machine stops.
  void ExpectAfterCrash(const std::function<void(ArrayStore&)>& expect) {
    for (const char* boot : {"boot", "another"}) {
      auto left = ArrayStore::Open(storage::CopyOf(*backend_, boot));
      ASSERT_OK(left.status());
      expect(*left);
    }
  }

  std::shared_ptr<FaultInjectingBackend> backend_;
  std::unique_ptr<ArrayStore> store_;
};

TEST_F(AtomicTest, NobodySeesItBeforeTheEnd) {
  const int64_t before = store_->Info("a0")->modified_us;
  WritableBatch batch = Begin();
  EXPECT_TRUE(batch.atomic());
  const auto view = store_->View<float>("a2");
  ASSERT_OK(ChangeAll(batch));
  EXPECT_EQ(batch.Load<float>("a1")->data(), batch.Load<float>("a1")->data());
  EXPECT_OK(batch.Save("a1", batch.Load("a1")->view()));
  EXPECT_EQ(CommonValue(*store_), 1);
  EXPECT_OK(store_->Flush());
  EXPECT_EQ(CommonValue(*store_), 1);
  ASSERT_OK(batch.Finish());
  EXPECT_EQ(CommonValue(*store_), 2);
  EXPECT_GT(store_->Info("a0")->modified_us, before);
  EXPECT_TRUE(store_->Interrupted().empty());
  for (const float value : *view) ASSERT_EQ(value, 1);  // as it was when it was taken
  EXPECT_EQ(batch.Load("a0").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AtomicTest, DiscardLeavesWhatWas) {
  for (const bool destroyed : {false, true}) {
    WritableBatch batch = Begin();
    ASSERT_OK(ChangeAll(batch));
    const auto kept = batch.Load<float>("a2");
    if (destroyed) {
      WritableBatch gone = std::move(batch);
    } else {
      ASSERT_OK(batch.Discard());
      EXPECT_TRUE(IsModeError(batch.Discard()));
      EXPECT_OK(batch.Finish());  // over already
    }
    EXPECT_EQ(CommonValue(*store_), 1);
    const std::vector<float> values(200'000, 3.0f);
    ASSERT_OK(store_->Save("other", MakeView(values)));
    for (const float value : *kept) ASSERT_EQ(value, 2);  // nobody has taken its place
  }
  // And its space comes back.
  ASSERT_OK(store_->Remove("other"));
  ASSERT_OK(store_->Flush());
  EXPECT_EQ(store_->Stats()->limbo_bytes, 0u);
  ExpectAfterCrash([](ArrayStore& left) { EXPECT_EQ(CommonValue(left), 1); });
}

TEST_F(AtomicTest, OneThatIsNotAtomicCannotBeDiscarded) {
  WritableBatch batch = Join(NewState(/*atomic=*/false));
  EXPECT_FALSE(batch.atomic());
  ASSERT_OK(ChangeAll(batch));
  EXPECT_TRUE(IsModeError(batch.Discard()));
  EXPECT_OK(batch.Load("a0").status());
  ASSERT_OK(batch.Finish());
  EXPECT_EQ(CommonValue(*store_), 2);
}

TEST_F(AtomicTest, NestedOnesJoin) {
  const auto state = NewState();
  WritableBatch outer = Join(state);
  {
    WritableBatch inner = Join(state);
    EXPECT_EQ(inner.Load<float>("a0")->data(), outer.Load<float>("a0")->data());
    ASSERT_OK(ChangeAll(inner));
    ASSERT_OK(inner.Finish());
  }
  EXPECT_EQ(CommonValue(*store_), 1);
  ASSERT_OK(outer.Finish());
  EXPECT_EQ(CommonValue(*store_), 2);
}

TEST_F(AtomicTest, ANestedDiscardTakesTheWholeWithIt) {
  const auto state = NewState();
  WritableBatch outer = Join(state);
  {
    WritableBatch inner = Join(state);
    ASSERT_OK(ChangeAll(inner));
  }
  EXPECT_EQ(outer.Finish().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(CommonValue(*store_), 1);
}

TEST_F(AtomicTest, OtherChangesOfTheArrayAreRefused) {
  const std::vector<float> row = {5};
  WritableBatch batch = Begin();
  ASSERT_OK(batch.Load("a0").status());
  EXPECT_EQ(store_->Save("a0", MakeView(row)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Append("a0", MakeView(row)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->DropRows("a0", {1}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Remove("a0").code(), absl::StatusCode::kFailedPrecondition);
  for (const bool atomic : {false, true}) {
    WritableBatch other = Join(NewState(atomic));
    EXPECT_TRUE(IsModeError(other.Load("a0").status()));
    EXPECT_OK(other.Load("a1").status());
  }
  EXPECT_OK(store_->Append("a1", MakeView(row)));
  EXPECT_OK(store_->Save("new", MakeView(row)));
  ASSERT_OK(batch.Finish());
  EXPECT_OK(store_->Append("a0", MakeView(row)));
}

TEST_F(AtomicTest, EmptyAnd0d) {
  const std::vector<float> one = {5};
  const std::vector<float> none;
  ASSERT_OK(store_->Save("none", MakeView(none, {0, 3})));
  ASSERT_OK(store_->Save("one", MakeView(one, {})));
  WritableBatch batch = Begin();
  const auto empty = batch.Load<float>("none");
  ASSERT_OK(empty.status());
  EXPECT_EQ(empty->shape(), (Shape{0, 3}));
  const auto scalar = batch.Load<float>("one");
  ASSERT_OK(scalar.status());
  (*scalar)[0] = 6;
  ASSERT_OK(batch.Finish());
  EXPECT_EQ((*store_->Load<float>("one"))[0], 6);
  EXPECT_EQ(store_->Info("none")->shape, (Shape{0, 3}));
}

TEST_F(AtomicTest, DroppedRowsStayDropped) {
  ASSERT_OK(store_->DropRows("a2", {0, 5}));
  WritableBatch batch = Begin();
  auto array = batch.Load<float>("a2");
  ASSERT_OK(array.status());
  ASSERT_EQ(array->size(), kSizes[2] - 2);
  (*array)[0] = 7;
  ASSERT_OK(batch.Finish());
  EXPECT_EQ((*store_->Load<float>("a2"))[0], 7);
  EXPECT_EQ(store_->Info("a2")->shape[0], static_cast<int64_t>(kSizes[2]) - 2);
}

TEST_F(AtomicTest, AfterACrashInTheMiddleAllIsOld) {
  WritableBatch batch = Begin();
  ASSERT_OK(ChangeAll(batch));
  const std::vector<float> other(5, 3.0f);
  ASSERT_OK(store_->Save("other", MakeView(other)));  // goes on beside it
  ExpectAfterCrash([](ArrayStore& left) {
    EXPECT_EQ(CommonValue(left), 1);
    EXPECT_TRUE(left.Interrupted().empty());
  });
  ASSERT_OK(batch.Finish());
  // The end is durable.
  ExpectAfterCrash([](ArrayStore& left) {
    EXPECT_EQ(CommonValue(left), 2);
    EXPECT_TRUE(left.Interrupted().empty());
  });
}

TEST_F(AtomicTest, AnInterruptedArrayIsSoUntilTheEnd) {
  WritableBatch plain = Join(NewState(/*atomic=*/false));
  ASSERT_OK(plain.Load("a0").status());
  auto store = ArrayStore::Open(storage::CopyOf(*backend_, "boot"));
  ASSERT_OK(store.status());
  ASSERT_EQ(store->Interrupted(), std::vector<std::string>{"a0"});
  for (const bool discard : {true, false}) {
    WritableBatchOptions options;
    options.atomic = true;
    WritableBatch batch = Join(std::make_shared<WritableBatchState>(*store->Duplicate(), options));
    ASSERT_OK(batch.Load("a0").status());
    EXPECT_EQ(store->Interrupted(), std::vector<std::string>{"a0"});
    ASSERT_OK(discard ? batch.Discard() : batch.Finish());
    EXPECT_EQ(store->Interrupted().empty(), !discard);
  }
}

// What rows of an array are made to be says nothing of the others.
TEST_F(AtomicTest, AnInterruptedArrayStaysSoWhenOnlyRowsOfItChange) {
  const std::vector<float> row = {7};
  for (const std::string name : {"a0", "a2"}) {
    WritableBatch plain = Join(NewState(/*atomic=*/false));
    ASSERT_OK(plain.Load(name).status());
    auto store = ArrayStore::Open(storage::CopyOf(*backend_, "boot"));
    ASSERT_OK(store.status());
    const std::vector<std::string> interrupted = {name};
    const auto held = store->View(name);  // so that rows are not changed where they lie
    ASSERT_OK(store->ReplaceRows(name, {3}, *Erase(MakeView(row))));
    EXPECT_EQ(store->Interrupted(), interrupted);
    ASSERT_OK(store->DropRows(name, {0}));
    EXPECT_EQ(store->Interrupted(), interrupted);
    ASSERT_OK(store->Compact(name));
    EXPECT_EQ(store->Interrupted(), interrupted);
    ASSERT_OK(store->Save(name, MakeView(row)));
    EXPECT_TRUE(store->Interrupted().empty());
    ASSERT_OK(plain.Finish());
  }
}

TEST_F(AtomicTest, AFaultOfTheEndIsAllOrNothing) {
  for (const bool stays : {false, true}) {
    for (int64_t n = 1;; ++n) {
      ASSERT_LT(n, 100);
      Start();
      WritableBatch batch = Begin();
      ASSERT_OK(ChangeAll(batch));
      const absl::Status fault = absl::ResourceExhaustedError("injected");
      stays ? backend_->FailFrom(n, fault) : backend_->FailAt(n, fault);
      const absl::Status status = batch.Finish();
      const bool failed = backend_->faults() > 0;
      backend_->Heal();
      const float here = CommonValue(*store_);
      if (!failed) {
        ASSERT_GT(n, 3);
        EXPECT_OK(status);
        EXPECT_EQ(here, 2);
        break;
      }
      EXPECT_TRUE(here == 1 || here == 2) << "call " << n << ": " << status;
      if (status.ok()) {
        EXPECT_EQ(here, 2) << "call " << n;
      }
      auto killed = ArrayStore::Open(storage::CopyOf(*backend_, "boot"));
      ASSERT_OK(killed.status());
      EXPECT_EQ(CommonValue(*killed), here) << "call " << n << ": " << status;
      auto restarted = ArrayStore::Open(storage::CopyOf(*backend_, "another"));
      ASSERT_OK(restarted.status());
      const float there = CommonValue(*restarted);
      EXPECT_TRUE(there == 1 || there == here) << "call " << n << ": " << status;
      if (status.ok()) {
        EXPECT_EQ(there, 2) << "call " << n;
      }
      EXPECT_TRUE(restarted->Interrupted().empty());
      // The array is free again, unless a sync has failed.
      const std::vector<float> row = {2};
      if (store_->Save("next", MakeView(row)).ok()) {
        EXPECT_OK(store_->Append("a0", MakeView(row)));
      }
    }
  }
}

// A full disk is an error of Load, and of nothing else.
TEST_F(AtomicTest, AFaultOfLoadChangesNothing) {
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 100);
    Start();
    WritableBatch batch = Begin();
    backend_->FailAt(n, absl::ResourceExhaustedError("injected"));
    const absl::Status status = ChangeAll(batch);
    const bool failed = backend_->faults() > 0;
    backend_->Heal();
    if (!failed) {
      ASSERT_GT(n, 5);
      EXPECT_OK(status);
      break;
    }
    EXPECT_EQ(CommonValue(*store_), 1);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    }
    ASSERT_OK(ChangeAll(batch)) << "call " << n << ": " << status;
    EXPECT_EQ(CommonValue(*store_), 1);
    ASSERT_OK(batch.Finish()) << "call " << n << ": " << status;
    EXPECT_EQ(CommonValue(*store_), 2);
    ASSERT_OK(store_->Flush());
    EXPECT_EQ(store_->Stats()->limbo_bytes, 0u) << "call " << n << ": " << status;
  }
}

}  // namespace
}  // namespace numpack
