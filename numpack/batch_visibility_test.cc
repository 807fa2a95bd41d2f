// What a reader in another process sees of a batch that is being flushed: all old arrays or all new
// ones, at every backend call of the flush, whether that call succeeds, fails, or writes half.
//
// The writer's backend stops at each of its calls until the reader has gone over all arrays once
// more, so no moment of the flush goes by unseen, and a reader that had to wait for the writer
// would be found.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/core/view.h"
#include "numpack/native_backend.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

// State n of the store: all elements of these are n (two share a segment, one has its own), "rows"
// has n + 1 rows, and one array has the name "only <n>".
const std::vector<std::pair<std::string, size_t>> kArrays = {
    {"small", 100}, {"middle", 10'000}, {"large", 150'000}};
constexpr char kRows[] = "rows";
constexpr size_t kRowElements = 1000;

std::string OnlyName(int64_t state) { return absl::StrCat("only ", state); }

StoreOptions Options() {
  StoreOptions options;
  options.background_sync = false;  // its calls are no part of the flush
  return options;
}

// What the two processes share.
struct Shared {
  std::atomic<uint64_t> rounds{0};  // in which the reader went over all arrays
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  char message[512] = {};  // of the reader's failure
};

// Reads the arrays again and again, in alternating order. The states it meets must never go down:
// one that is new when another, looked at later, is still old is half a batch.
class Reader {
 public:
  Reader(NumPack store, Shared* shared) : store_(std::move(store)), shared_(shared) {}

  bool Run() {
    for (bool forward = true; !shared_->stop; forward = !forward) {
      for (size_t i = 0; i < kLooks; ++i) {
        if (!Look(forward ? i : kLooks - 1 - i)) return false;
      }
      ++shared_->rounds;
    }
    return true;
  }

 private:
  static constexpr size_t kLooks = 5;

  bool Look(size_t which) {
    if (which < kArrays.size()) {
      const auto array = store_.View<float>(kArrays[which].first);
      if (!array.ok()) return Fail(array.status().ToString());
      const float first = (*array)[0];
      const bool same = std::all_of(array->begin(), array->end(),
                                    [first](float value) { return value == first; });
      if (!same) return Fail("a torn array");
      return Met(static_cast<int64_t>(first), kArrays[which].first);
    }
    if (which == kArrays.size()) {
      const auto rows = store_.View<float>(kRows);
      if (!rows.ok()) return Fail(rows.status().ToString());
      const int64_t state = rows->shape()[0] - 1;
      const size_t last = rows->size() - 1;
      if ((*rows)[last] != static_cast<float>(state)) return Fail("rows without their elements");
      return Met(state, kRows);
    }
    return LookAtNames();
  }

  bool LookAtNames() {
    std::optional<int64_t> state;
    for (const std::string& name : store_.List()) {
      absl::string_view number = name;
      if (!absl::ConsumePrefix(&number, "only ")) continue;
      int64_t found = 0;
      if (!absl::SimpleAtoi(number, &found) || state.has_value()) return Fail("two states' names");
      state = found;
    }
    return state.has_value() ? Met(*state, "the names") : Fail("no state's name");
  }

  bool Met(int64_t state, absl::string_view where) {
    if (state < state_) {
      return Fail(absl::StrCat(where, " in state ", state, " after another in state ", state_));
    }
    state_ = state;
    return true;
  }

  bool Fail(const std::string& message) {
    std::snprintf(shared_->message, sizeof(shared_->message), "%s", message.c_str());
    shared_->failed = true;
    return false;
  }

  NumPack store_;
  Shared* shared_;
  int64_t state_ = 0;
};

class BatchVisibilityTest : public testing::TestWithParam<std::optional<uint64_t>> {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/batch_visibility_test_", getpid());
    {
      auto store = NumPack::Open(path_, Options());
      ASSERT_OK(store.status());
      auto batch = store->BeginBatch();
      ASSERT_OK(Fill(*batch, 0));
      ASSERT_OK(batch->Save(kRows, *NewRow(0)));
      ASSERT_OK(batch->Save(OnlyName(0), *NewRow(0)));
      ASSERT_OK(batch->Commit());
    }
    StartReader();
    backend_ = std::make_shared<FaultInjectingBackend>(
        *OpenNativeBackend(path_, /*create_directory=*/false));
    store_ = std::make_unique<NumPack>(*NumPack::Open(backend_, Options()));
  }

  void TearDown() override {
    shared_->stop = true;
    int status = 0;
    EXPECT_EQ(waitpid(reader_, &status, 0), reader_);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << shared_->message;
    store_ = nullptr;
    munmap(shared_, sizeof(Shared));
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  void StartReader() {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    shared_ = new (memory) Shared;
    reader_ = fork();
    if (reader_ == 0) {
      auto store = NumPack::Open(path_, Options());
      _exit(store.ok() && Reader(*std::move(store), shared_).Run() ? 0 : 1);
    }
    ASSERT_GT(reader_, 0);
  }

  // Until the reader, if it has not been stopped, has begun and finished another look at
  // everything.
  void WaitForReader() {
    if (shared_->stop) return;
    const absl::Time patience = absl::Now() + absl::Seconds(60);
    const uint64_t wanted = shared_->rounds + 2;
    while (shared_->rounds < wanted && !shared_->failed && absl::Now() < patience) {
      absl::SleepFor(absl::Microseconds(20));
    }
    EXPECT_GE(shared_->rounds, wanted)
        << "the reader waits for the writer, or: " << shared_->message;
  }

  static absl::StatusOr<AnyArray> NewRow(int64_t state) {
    auto row = NewHeapArray(DType::kFloat32, {1, kRowElements});
    std::fill_n(row->As<float>()->data(), kRowElements, static_cast<float>(state));
    return row;
  }

  static absl::Status Fill(Batch& batch, int64_t state) {
    for (const auto& [name, elements] : kArrays) {
      auto array = NewHeapArray(DType::kFloat32, {static_cast<int64_t>(elements)});
      std::fill_n(array->As<float>()->data(), elements, static_cast<float>(state));
      if (absl::Status status = batch.Save(name, *std::move(array)); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Begins a batch that makes `state` of the state before it.
  absl::StatusOr<Batch> Prepare(int64_t state) {
    BatchOptions options;
    options.memory_limit_bytes = GetParam();
    auto batch = store_->BeginBatch(options);
    if (!batch.ok()) return batch;
    absl::Status status = Fill(*batch, state);
    if (status.ok()) status = batch->Append(kRows, (*NewRow(state)).view());
    if (status.ok()) status = batch->Rename(OnlyName(state - 1), OnlyName(state));
    if (!status.ok()) return status;
    return batch;
  }

  void ExpectState(int64_t state) {
    for (const auto& [name, elements] : kArrays) {
      const auto array = store_->View<float>(name);
      ASSERT_OK(array.status());
      EXPECT_EQ((*array)[0], static_cast<float>(state)) << name;
      EXPECT_EQ(array->size(), elements);
    }
    EXPECT_EQ(store_->Info(kRows)->shape[0], state + 1);
    EXPECT_TRUE(store_->Contains(OnlyName(state)));
    EXPECT_EQ(store_->List().size(), kArrays.size() + 2);
  }

  std::string path_;
  Shared* shared_ = nullptr;
  pid_t reader_ = -1;
  std::shared_ptr<FaultInjectingBackend> backend_;
  std::unique_ptr<NumPack> store_;
};

TEST_P(BatchVisibilityTest, AllOldOrAllNewAtEveryCallOfTheFlush) {
  int64_t state = 0;
  int failures = 0;
  backend_->Count([this](const BackendCall& /*call*/) {
    WaitForReader();
    return true;
  });
  for (const FaultKind kind : {FaultKind::kFail, FaultKind::kShortWrite}) {
    for (int64_t n = 1;; ++n) {
      ASSERT_LT(n, 100);
      ASSERT_FALSE(shared_->failed) << shared_->message;
      auto batch = Prepare(state + 1);
      ASSERT_OK(batch.status());
      backend_->FailAt(n, absl::ResourceExhaustedError("injected"), kind);
      const absl::Status status = batch->Commit();
      const bool hit = backend_->faults() > 0;
      backend_->Heal();
      if (status.ok()) ++state;  // also where the failing call was not needed
      ExpectState(state);
      if (!hit) {
        ASSERT_OK(status);
        break;
      }
      failures += status.ok() ? 0 : 1;
    }
  }
  EXPECT_GT(failures, 2) << "or this test shows nothing";
}

INSTANTIATE_TEST_SUITE_P(InMemory, BatchVisibilityTest, testing::Values(std::nullopt));
// Most of it is written ahead, so the flush names what is there already.
INSTANTIATE_TEST_SUITE_P(Spilled, BatchVisibilityTest,
                         testing::Values(std::optional<uint64_t>(50'000)));

}  // namespace
}  // namespace numpack
