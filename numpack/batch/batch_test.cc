// What a batch does beyond its cache policy: writing ahead no more than it must, seeing what is
// pending, waiting, ending, and finding what was not saved.
#include "numpack/batch/batch.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/base/mode_error.h"
#include "numpack/batch/batch_state.h"
#include "numpack/core/array.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))
#define EXPECT_OK(expression) EXPECT_EQ(absl::OkStatus(), (expression))

using Floats = std::vector<float>;
constexpr uint64_t kBytes = 1000 * sizeof(float);  // of the arrays below

Floats Iota(size_t n, float first = 0) {
  Floats values(n);
  std::iota(values.begin(), values.end(), first);
  return values;
}

Array<float> NewArray(const Floats& values) {
  auto array = NewHeapArray(DType::kFloat32, {static_cast<int64_t>(values.size())})->As<float>();
  std::copy(values.begin(), values.end(), array->begin());
  return *array;
}

// Appends `n` rows to an array of one axis.
absl::Status AppendRows(Batch& batch, const char* name, size_t n) {
  const Floats rows = Iota(n);
  return batch.Append(name, *Erase(MakeView(rows)));
}

Floats ValuesOf(const absl::StatusOr<AnyArray>& array) {
  if (!array.ok()) {
    ADD_FAILURE() << array.status();
    return {};
  }
  const auto typed = array->As<const float>();
  return Floats(typed->begin(), typed->end());
}

class BatchTest : public testing::Test {
 protected:
  BatchTest() : store_(*ArrayStore::Open(NewMemoryBackend())) {
    for (const char* name : {"a", "b"}) {
      Floats values = Iota(1000);
      EXPECT_OK(store_.Save(name, MakeView(values)));
    }
  }
  // As NumPack::BeginBatch does.
  Batch Begin(BatchOptions options = {}) {
    state_ = std::make_shared<BatchState>(*store_.Duplicate(), std::move(options));
    return Join();
  }
  Batch Join() {
    EXPECT_OK(state_->Join());
    return Batch(state_);
  }
  static uint64_t Spilled(const Batch& batch) { return batch.stats().spilled_bytes; }

  ArrayStore store_;
  std::shared_ptr<BatchState> state_;
};

// --- What is written ahead of the commit

TEST_F(BatchTest, LazyWritesASavedArrayOnceWhileNobodyCanChangeIt) {
  Batch batch = Begin();
  ASSERT_OK(batch.Save("a", NewArray(Iota(1000, 5))));  // and nobody else holds it
  for (int i = 0; i < 3; ++i) ASSERT_OK(batch.Lazy("a").status());
  EXPECT_EQ(Spilled(batch), kBytes);
  ASSERT_OK(batch.Commit());
  EXPECT_EQ(Spilled(batch), kBytes) << "the commit names what was written";
  EXPECT_EQ(ValuesOf(store_.View("a")), Iota(1000, 5));
}

TEST_F(BatchTest, LazyWritesAHeldArrayAgainOnlyWhenItHasChanged) {
  Batch batch = Begin();
  const Array<float> held = NewArray(Iota(1000));
  ASSERT_OK(batch.Save("a", held));
  const auto first = batch.Lazy("a");
  ASSERT_OK(batch.Lazy("a").status());
  ASSERT_OK(batch.Save("a", held));  // saved once more, unchanged
  ASSERT_OK(batch.Lazy("a").status());
  EXPECT_EQ(Spilled(batch), kBytes);

  held[7] = -1;
  const auto second = batch.Lazy("a");
  EXPECT_EQ(Spilled(batch), 2 * kBytes);
  EXPECT_EQ(ValuesOf(first->View())[7], 7) << "a snapshot stays as it was";
  EXPECT_EQ(ValuesOf(second->View())[7], -1);
  held[8] = -1;
  ASSERT_OK(batch.Commit());
  EXPECT_EQ(ValuesOf(store_.View("a"))[8], -1) << "changes up to the commit are published";
}

TEST_F(BatchTest, AnArrayHandedOutAgainMayChange) {
  Batch batch = Begin();
  ASSERT_OK(batch.Save("a", NewArray(Iota(1000))));
  ASSERT_OK(batch.Save("b", NewArray(Iota(1000))));
  for (const char* name : {"a", "b"}) ASSERT_OK(batch.Lazy(name).status());
  (*batch.Load<float>("a"))[0] = 77;
  (*batch.Cached("b")->As<float>())[0] = 88;
  EXPECT_EQ(ValuesOf(batch.Lazy("a")->View())[0], 77);
  ASSERT_OK(batch.Commit());
  EXPECT_EQ(ValuesOf(store_.View("a"))[0], 77);
  EXPECT_EQ(ValuesOf(store_.View("b"))[0], 88);
}

TEST_F(BatchTest, TheVersionTellsWhenWhatWasHandedOutIsNoLongerRight) {
  Batch batch = Begin();
  uint64_t version = batch.version();
  const auto changed = [&] {
    const uint64_t before = std::exchange(version, batch.version());
    return version != before;
  };
  const Array<float> held = *batch.Load<float>("a");
  ASSERT_OK(batch.Load("a").status());
  ASSERT_OK(batch.Load("b").status());
  ASSERT_OK(batch.Save("a", held));
  ASSERT_OK(batch.Save("a", held));
  ASSERT_OK(batch.Save("new", NewArray(Iota(3))));
  ASSERT_OK(batch.Lazy("a").status());
  ASSERT_OK(batch.LoadRows("a", {1}).status());
  EXPECT_FALSE(changed()) << "nothing of the kind has happened";

  ASSERT_OK(batch.Save("a", NewArray(Iota(1000))));
  EXPECT_TRUE(changed()) << "another array";
  ASSERT_OK(batch.Lazy("a").status());  // nobody holds it: later it is taken to be unchanged
  EXPECT_TRUE(changed());
  const Array<float> rows = NewArray(Iota(3));
  ASSERT_OK(batch.Append("a", AnyArray(rows).view()));
  EXPECT_TRUE(changed());
  ASSERT_OK(batch.Load("b").status());
  ASSERT_OK(batch.Forget("b"));
  EXPECT_TRUE(changed());
  ASSERT_OK(batch.Remove("new"));
  EXPECT_TRUE(changed());
  ASSERT_OK(batch.Flush());
  EXPECT_TRUE(changed());
  batch.Rollback();
  EXPECT_TRUE(changed());
  ASSERT_OK(batch.Commit());
  EXPECT_TRUE(changed());
}

TEST_F(BatchTest, RowsOfASavedArrayComeFromMemory) {
  Batch batch = Begin();
  const Floats values = Iota(12);
  auto array = NewHeapArray(DType::kFloat32, {4, 3});
  std::copy(values.begin(), values.end(), array->As<float>()->begin());
  ASSERT_OK(batch.Save("m", *array));
  EXPECT_THAT(ValuesOf(batch.LoadRows("m", {-1, 0, 0})), ElementsAre(9, 10, 11, 0, 1, 2, 0, 1, 2));
  EXPECT_EQ(batch.LoadRows("m", {4}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Spilled(batch), 0);

  // The same elements, read by columns.
  ArrayView view = array->view();
  std::swap(view.shape[0], view.shape[1]);
  std::swap(view.strides[0], view.strides[1]);
  ASSERT_OK(batch.Save("t", AnyArray(view, /*writable=*/true, array->owner())));
  EXPECT_THAT(ValuesOf(batch.LoadRows("t", {2, 1})), ElementsAre(2, 5, 8, 11, 1, 4, 7, 10));

  ASSERT_OK(batch.Save("0-d", *NewHeapArray(DType::kFloat32, {})));
  EXPECT_EQ(batch.LoadRows("0-d", {0}).status().code(), absl::StatusCode::kInvalidArgument);
  // Not saved: from the store, whatever was done to the loaded array.
  (*batch.Load<float>("a"))[2] = -1;
  EXPECT_THAT(ValuesOf(batch.LoadRows("a", {2})), ElementsAre(2));
  EXPECT_EQ(batch.LoadRows("missing", {0}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BatchTest, WhatWasSpilledIsNotWrittenAgain) {
  Batch batch = Begin({/*memory_limit_bytes=*/kBytes});
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(batch.Save(absl::StrCat(i), NewArray(Iota(1000, static_cast<float>(i)))));
  }
  ASSERT_OK(batch.Save("large", NewArray(Iota(2000))));  // larger than the limit: streamed
  EXPECT_EQ(batch.stats().spills, 10);  // of ten, one is still in memory, and the large one
  EXPECT_EQ(Spilled(batch), 9 * kBytes + 2 * kBytes);
  ASSERT_OK(batch.Commit());
  EXPECT_EQ(Spilled(batch), 11 * kBytes);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ValuesOf(store_.View(absl::StrCat(i))), Iota(1000, static_cast<float>(i)));
  }
}

TEST_F(BatchTest, TheOrderOfEvictionIsPluggable) {
  for (const bool resistant : {false, true}) {
    BatchOptions options;
    options.memory_limit_bytes = 20 * kBytes;
    if (resistant) options.eviction = NewS3Fifo;
    Batch batch = Begin(std::move(options));
    const auto use = [&](const std::string& name) {
      if (!batch.Contains(name)) return batch.Save(name, NewArray(Iota(1000)));
      auto array = batch.Load(name);
      return array.ok() ? batch.Save(name, *std::move(array)) : array.status();
    };
    for (int i = 0; i < 3; ++i) {
      for (const char* name : {"hot 1", "hot 2"}) ASSERT_OK(use(name));
    }
    for (int i = 0; i < 100; ++i) ASSERT_OK(use(absl::StrCat(i)));  // a pass
    EXPECT_EQ(batch.Cached("hot 1").has_value(), resistant);
    EXPECT_EQ(batch.Cached("hot 2").has_value(), resistant);
    ASSERT_OK(batch.Discard());
  }
}

// --- Operations see what is pending

TEST_F(BatchTest, EveryOperationSeesThePendingArray) {
  const Floats ten = Iota(2, 10);
  const ArrayView two_more = *Erase(MakeView(ten));
  // Each on an array that is saved and in memory, then on one that was spilled.
  for (const bool spilled : {false, true}) {
    Batch batch = Begin();
    const auto prepare = [&](const char* name) {
      EXPECT_OK(batch.Save(name, NewArray(Iota(3))));
      if (spilled) {
        EXPECT_OK(batch.Forget(name));
      }
    };
    for (const char* name :
         {"append", "replace", "drop", "drop all", "clone", "rename", "remove", "shape"}) {
      prepare(name);
    }
    ASSERT_OK(batch.Append("append", two_more));
    ASSERT_OK(batch.ReplaceRows("replace", {-1, 0}, two_more));
    ASSERT_OK(batch.DropRows("drop", {1}));
    ASSERT_OK(batch.DropAllRows("drop all"));
    ASSERT_OK(batch.Clone("clone", "cloned"));
    ASSERT_OK(batch.Rename("rename", "renamed"));
    ASSERT_OK(batch.Remove("remove"));
    EXPECT_EQ(batch.Clone("clone", "drop").code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(batch.Rename("clone", "drop").code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(batch.Load("rename").status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(batch.Lazy("remove").status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(batch.Info("remove").status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(batch.Info("shape")->shape, (Shape{3}));

    // A new shape for the same elements.
    auto reshaped = NewHeapArray(DType::kFloat32, {3, 1});
    std::fill_n(reshaped->As<float>()->data(), 3, 4.0f);
    ASSERT_OK(batch.Save("shape", *reshaped));
    EXPECT_EQ(batch.Info("shape")->shape, (Shape{3, 1}));
    EXPECT_EQ(batch.Lazy("shape")->shape(), (Shape{3, 1}));

    const auto expect = [&](auto load) {
      EXPECT_THAT(ValuesOf(load("append")), ElementsAre(0, 1, 2, 10, 11));
      EXPECT_THAT(ValuesOf(load("replace")), ElementsAre(11, 1, 10));
      EXPECT_THAT(ValuesOf(load("drop")), ElementsAre(0, 2));
      EXPECT_THAT(ValuesOf(load("drop all")), IsEmpty());
      EXPECT_THAT(ValuesOf(load("clone")), ElementsAre(0, 1, 2));
      EXPECT_THAT(ValuesOf(load("cloned")), ElementsAre(0, 1, 2));
      EXPECT_THAT(ValuesOf(load("renamed")), ElementsAre(0, 1, 2));
      EXPECT_THAT(ValuesOf(load("shape")), ElementsAre(4, 4, 4));
    };
    expect([&](const char* name) { return batch.Load(name); });
    expect([&](const char* name) { return batch.Lazy(name)->View(); });
    EXPECT_THAT(store_.List(), ElementsAre("a", "b")) << "nothing is published yet";
    ASSERT_OK(batch.Commit());
    expect([&](const char* name) { return store_.View(name); });
    EXPECT_FALSE(store_.Contains("remove"));
    EXPECT_FALSE(store_.Contains("rename"));
    for (const std::string& name : store_.List()) {
      if (name.size() > 1) {
        ASSERT_OK(store_.Remove(name));
      }
    }
  }
}

// What leaves memory early, and what is written first, does not decide where a new name stands.
TEST_F(BatchTest, NewNamesStandInTheOrderOfTheirFirstSave) {
  for (const uint64_t limit : {uint64_t{1'000'000}, 2 * kBytes, uint64_t{0}}) {
    SCOPED_TRACE(limit);
    Batch batch = Begin({/*memory_limit_bytes=*/limit});
    for (const char* name : {"z", "y", "gone", "x", "b", "w"}) {
      ASSERT_OK(batch.Save(name, NewArray(Iota(name[0] == 'y' ? 3000 : 1000))));
    }
    ASSERT_OK(batch.Load("z").status());
    ASSERT_OK(AppendRows(batch, "x", 2));
    ASSERT_OK(batch.Forget("w"));
    ASSERT_OK(batch.Remove("gone"));
    ASSERT_OK(batch.Remove("y"));
    ASSERT_OK(batch.Save("v", NewArray(Iota(1000))));
    ASSERT_OK(batch.Save("y", NewArray(Iota(1000))));
    ASSERT_OK(batch.Save("z", NewArray(Iota(5))));
    EXPECT_THAT(batch.List(), ElementsAre("a", "b", "z", "x", "w", "v", "y"));
    ASSERT_OK(batch.Commit());
    EXPECT_THAT(store_.List(), ElementsAre("a", "b", "z", "x", "w", "v", "y"));
    for (const char* name : {"z", "x", "w", "v", "y"}) ASSERT_OK(store_.Remove(name));
  }
}

// --- Waiting for the writer lock

TEST_F(BatchTest, WhileOneThreadWaitsForTheWriterLockOthersGoOn) {
  ArrayStore other = *store_.Duplicate();
  auto blocker = std::make_unique<Transaction>(*other.Begin());
  Batch batch = Begin();
  std::atomic<int> saved{0};
  std::vector<std::thread> savers;
  for (const char* name : {"new 1", "new 2"}) {
    savers.emplace_back([&, name] {
      EXPECT_OK(batch.Save(name, NewArray(Iota(3))));
      ++saved;
    });
  }
  absl::SleepFor(absl::Milliseconds(50));  // so that they are, most likely, waiting
  EXPECT_EQ(ValuesOf(batch.Load("a")), Iota(1000));
  EXPECT_TRUE(batch.Contains("b"));
  EXPECT_EQ(batch.stats().misses, 1);
  EXPECT_EQ(saved, 0);
  blocker.reset();
  for (std::thread& saver : savers) saver.join();
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(store_.List(), ::testing::UnorderedElementsAre("a", "b", "new 1", "new 2"));
}

TEST_F(BatchTest, ABatchCanEndWhileAThreadWaitsForTheWriterLock) {
  ArrayStore other = *store_.Duplicate();
  auto blocker = std::make_unique<Transaction>(*other.Begin());
  Batch batch = Begin();
  std::thread saver([&] {
    const absl::Status status = batch.Save("new", NewArray(Iota(3)));
    EXPECT_TRUE(IsModeError(status)) << status;
  });
  absl::SleepFor(absl::Milliseconds(50));
  ASSERT_OK(batch.Commit());
  blocker.reset();
  saver.join();
  EXPECT_FALSE(store_.Contains("new"));
  EXPECT_OK(store_.Remove("a")) << "the lock that came too late was given back";
}

// --- The end

TEST_F(BatchTest, AfterTheEndEverythingIsAModeErrorAndCountersStay) {
  Batch batch = Begin();
  ASSERT_OK(batch.Load("a").status());
  ASSERT_OK(batch.Save("a", *batch.Load("a")));
  ASSERT_OK(batch.Commit());
  const Floats one = Iota(1);
  const ArrayView row = *Erase(MakeView(one));
  for (const absl::Status& status :
       {batch.Load("a").status(), batch.Lazy("a").status(), batch.LoadRows("a", {0}).status(),
        batch.Save("a", NewArray(one)), batch.Info("a").status(), batch.Append("a", row),
        batch.ReplaceRows("a", {0}, row), batch.DropRows("a", {0}), batch.DropAllRows("a"),
        batch.Remove("a"), batch.Clear(), batch.Clone("a", "c"), batch.Rename("a", "c"),
        batch.Flush(), batch.Commit(), batch.Discard(), batch.Forget("a")}) {
    EXPECT_TRUE(IsModeError(status)) << status;
  }
  batch.Rollback();
  EXPECT_FALSE(batch.Contains("a"));
  EXPECT_THAT(batch.List(), IsEmpty());
  EXPECT_THAT(batch.CachedNames(), IsEmpty());
  EXPECT_THAT(batch.DirtyNames(), IsEmpty());
  EXPECT_EQ(batch.Cached("a"), std::nullopt);
  const BatchStats stats = batch.stats();
  EXPECT_EQ(stats.hits, 1);
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(stats.cached_bytes, 0);
  EXPECT_EQ(stats.peak_bytes, kBytes);
  EXPECT_GT(stats.flush_time, absl::ZeroDuration());
  EXPECT_EQ(ValuesOf(store_.View("a")), Iota(1000));
}

TEST_F(BatchTest, AHandleThatIsGoneIsNoModeError) {
  Batch batch = Begin();
  store_.storage()->Abandon();
  const absl::Status status = batch.Load("a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(IsModeError(status)) << status;
}

TEST_F(BatchTest, MovingABatchMovesItsEnd) {
  Batch one = Begin();
  ASSERT_OK(one.Save("new", NewArray(Iota(3))));
  Batch two = std::move(one);
  EXPECT_TRUE(IsModeError(one.Commit()));  // NOLINT(bugprone-use-after-move): what it does then
  EXPECT_EQ(one.stats().hits, 0);          // NOLINT(bugprone-use-after-move)
  Batch three = Join();
  ASSERT_OK(three.Commit());
  three = std::move(two);
  ASSERT_OK(three.Commit());
  EXPECT_TRUE(store_.Contains("new"));
}

TEST_F(BatchTest, DiscardOfANestedBatchTakesTheOutermostWithIt) {
  Batch outer = Begin();
  ASSERT_OK(outer.Save("new", NewArray(Iota(3))));
  Batch inner = Join();
  ASSERT_OK(inner.Discard());
  EXPECT_TRUE(outer.Contains("new"));
  EXPECT_EQ(outer.Commit().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(store_.Contains("new"));
}

// What can be seen of the stored state: names, their order, shapes, times, bytes in use.
std::string Describe(const ArrayStore& store) {
  std::string text;
  for (const std::string& name : store.List()) {
    const ArrayInfo info = *store.Info(name);
    absl::StrAppend(&text, name, " ", info.shape.size(), "-d ", info.nbytes, " ", info.modified_us,
                    " ", ValuesOf(store.View(name))[0], "\n");
  }
  const auto stats = store.storage()->stats();
  absl::StrAppend(&text, stats.live_bytes, " live, ", stats.limbo_bytes, " in limbo");
  return text;
}

TEST_F(BatchTest, RollbackDiscardAndDestructionRestoreTheStore) {
  const std::string before = Describe(store_);
  uint64_t free_bytes = 0;
  for (int round = 0; round < 30; ++round) {
    Batch batch = Begin({/*memory_limit_bytes=*/3 * kBytes});
    for (int i = 0; i < 10; ++i) {
      ASSERT_OK(batch.Save(absl::StrCat("new", i), NewArray(Iota(1000, 1))));
    }
    ASSERT_OK(AppendRows(batch, "a", 500));
    ASSERT_OK(batch.Rename("b", "c"));
    ASSERT_OK(batch.Remove("a"));
    ASSERT_OK(batch.Save("a", NewArray(Iota(7))));
    if (round % 3 == 0) {
      batch.Rollback();
      EXPECT_THAT(batch.List(), ElementsAre("a", "b"));
      EXPECT_THAT(batch.CachedNames(), IsEmpty());
      EXPECT_THAT(batch.DirtyNames(), IsEmpty());
      EXPECT_EQ(Describe(store_), before);
      ASSERT_OK(batch.Commit());
    } else if (round % 3 == 1) {
      ASSERT_OK(batch.Discard());
    }  // else: destroyed
    if (round % 3 == 2) batch = Begin();
    EXPECT_EQ(Describe(store_), before);
    // What the first round took from the backend is used again by all others.
    if (round == 0) free_bytes = store_.storage()->stats().free_bytes;
    EXPECT_EQ(store_.storage()->stats().free_bytes, free_bytes) << "round " << round;
  }
}

TEST_F(BatchTest, ARolledBackBatchGoesOn) {
  Batch batch = Begin();
  ASSERT_OK(batch.Save("a", NewArray(Iota(1000, 9))));
  batch.Rollback();
  EXPECT_EQ(ValuesOf(batch.Load("a")), Iota(1000));
  ArrayStore other = *store_.Duplicate();
  ASSERT_OK(other.Remove("b")) << "the writer lock is free";
  ASSERT_OK(batch.Save("c", NewArray(Iota(2))));
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(store_.List(), ElementsAre("a", "c"));
}

TEST_F(BatchTest, FlushPublishesAndGoesOn) {
  Batch batch = Begin();
  const uint64_t commits = store_.storage()->stats().commits;
  const Array<float> held = NewArray(Iota(1000, 9));
  ASSERT_OK(batch.Save("a", held));
  ASSERT_OK(batch.Flush());
  EXPECT_EQ(ValuesOf(store_.View("a")), Iota(1000, 9));
  held[0] = -1;  // no longer linked
  ASSERT_OK(batch.Save("c", NewArray(Iota(2))));
  ASSERT_OK(batch.Flush());
  ASSERT_OK(batch.Flush());  // nothing to publish
  batch.Rollback();          // nor to take back
  ASSERT_OK(batch.Commit());
  EXPECT_EQ(store_.storage()->stats().commits, commits + 2);
  EXPECT_EQ(ValuesOf(store_.View("a")), Iota(1000, 9));
}

// --- Changes that nobody saved

class UnsavedTest : public BatchTest {
 protected:
  Batch BeginWatched(uint64_t limit = 1'000'000) {
    BatchOptions options;
    options.memory_limit_bytes = limit;
    options.on_unsaved_change = [this](absl::string_view name) {
      names_.emplace_back(name);
      state_->stats();  // no lock is held
    };
    return Begin(std::move(options));
  }
  static void ChangeInPlace(Batch& batch, const char* name) { (*batch.Load<float>(name))[5] += 1; }

  std::vector<std::string> names_;
};

TEST_F(UnsavedTest, AreReportedAtTheEndAndNotPublished) {
  Batch batch = BeginWatched();
  ChangeInPlace(batch, "a");
  ASSERT_OK(batch.Load("b").status());
  EXPECT_THAT(names_, IsEmpty());
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(names_, ElementsAre("a"));
  EXPECT_EQ(ValuesOf(store_.View("a")), Iota(1000));
}

TEST_F(UnsavedTest, SavedOnesAreNot) {
  Batch batch = BeginWatched();
  for (const char* name : {"a", "b"}) {
    ChangeInPlace(batch, name);
    ASSERT_OK(batch.Save(name, *batch.Load(name)));
    ChangeInPlace(batch, name);  // after the save: published too
  }
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(names_, IsEmpty());
  EXPECT_EQ(ValuesOf(store_.View("b"))[5], 7);
}

TEST_F(UnsavedTest, FlushReportsToo) {
  Batch batch = BeginWatched();
  ChangeInPlace(batch, "b");
  ASSERT_OK(batch.Flush());
  EXPECT_THAT(names_, ElementsAre("b"));
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(names_, ElementsAre("b"));
}

TEST_F(UnsavedTest, WhatLeftMemoryEarlierCounts) {
  Batch batch = BeginWatched(/*limit=*/kBytes);
  ChangeInPlace(batch, "b");
  ChangeInPlace(batch, "a");             // b is evicted
  ASSERT_OK(AppendRows(batch, "a", 1));  // to what is pending
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(names_, ElementsAre("a", "b"));
  EXPECT_EQ(ValuesOf(store_.View("a"))[5], 5);
}

TEST_F(UnsavedTest, ARollbackOrDiscardWantsThemGone) {
  Batch batch = BeginWatched();
  ChangeInPlace(batch, "a");
  batch.Rollback();
  ChangeInPlace(batch, "b");
  ASSERT_OK(batch.Discard());
  EXPECT_THAT(names_, IsEmpty());
}

TEST_F(UnsavedTest, AnotherWritersSaveIsNotOurChange) {
  Batch batch = BeginWatched();
  ASSERT_OK(batch.Load("a").status());
  Floats values = Iota(1000, 3);
  ArrayStore other = *store_.Duplicate();
  ASSERT_OK(other.Save("a", MakeView(values)));
  ASSERT_OK(batch.Commit());
  EXPECT_THAT(names_, IsEmpty());
}

}  // namespace
}  // namespace numpack
