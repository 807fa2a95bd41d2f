// A batch over far more data than its memory limit: what the process really takes, measured from
// outside, and what happens under a ceiling of the system's that an unlimited batch would hit.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int kArrays = 100;
constexpr int64_t kElements = 2'000'000;
constexpr uint64_t kArrayBytes = kElements * sizeof(float);  // 8 MB
constexpr uint64_t kLimit = 100'000'000;

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

// A size from /proc/self/status, in bytes; nothing where there is no such line.
std::optional<uint64_t> StatusBytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    if (words >> name >> kilobytes && name == key + ":") return kilobytes * 1024;
  }
  return std::nullopt;
}

// The largest anonymous memory seen while the object lives.
class PeakWatch {
 public:
  PeakWatch()
      : thread_([this] {
          while (!over_) {
            Look();
            absl::SleepFor(absl::Milliseconds(1));
          }
        }) {}
  ~PeakWatch() { Stop(); }

  void Look() {
    const uint64_t now = StatusBytes("RssAnon").value_or(0);
    uint64_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) continue;
  }
  uint64_t Stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return peak_;
  }

 private:
  std::atomic<uint64_t> peak_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// Commit records in the log of the store at `path`, which has one log: docs/format.md, "Records".
int CommitRecords(const std::string& path) {
  constexpr uint32_t kCommit = 2;
  constexpr size_t kHeader = 32;
  std::ifstream file(path + "/log.1", std::ios::binary);
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  int commits = 0;
  uint32_t length = 0;
  for (size_t at = 0; at + kHeader <= log.size(); at += length) {
    uint32_t kind = 0;
    std::memcpy(&length, log.data() + at, sizeof(length));
    std::memcpy(&kind, log.data() + at + 4, sizeof(kind));
    if (length < kHeader) break;  // the zeros behind the last record
    commits += kind == kCommit ? 1 : 0;
  }
  return commits;
}

std::string Name(int i) { return absl::StrCat("array_", i); }

class MemoryLimitTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/memory_limit_test_", getpid());
    auto store = Open();
    std::vector<float> values(kElements);
    for (int i = 0; i < kArrays; ++i) {
      std::fill(values.begin(), values.end(), static_cast<float>(i + 1));
      ASSERT_OK(store->Save(Name(i), MakeView(values)));
    }
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::unique_ptr<NumPack> Open() {
    StoreOptions options;
    options.durability = Durability::kNone;  // what the disk does is not the question
    return std::make_unique<NumPack>(*NumPack::Open(path_, options));
  }

  // Loads, doubles and saves each array.
  template <typename AfterEach>
  static absl::Status DoubleAll(Batch& batch, AfterEach after_each) {
    for (int i = 0; i < kArrays; ++i) {
      auto array = batch.Load<float>(Name(i));
      if (!array.ok()) return array.status();
      for (float& value : *array) value *= 2;
      after_each();
      if (absl::Status status = batch.Save(Name(i), *array); !status.ok()) return status;
      after_each();
    }
    return absl::OkStatus();
  }

  void ExpectAllDoubled(const NumPack& store) {
    for (int i = 0; i < kArrays; ++i) {
      const auto array = store.View<float>(Name(i));
      ASSERT_OK(array.status());
      const auto wanted = static_cast<float>(2 * (i + 1));
      EXPECT_TRUE(std::all_of(array->begin(), array->end(), [wanted](float value) {
        return value == wanted;
      })) << Name(i);
    }
  }

  std::string path_;
};

TEST_F(MemoryLimitTest, AnonymousMemoryStaysBelowTheLimitAndOneArray) {
  if (!StatusBytes("RssAnon").has_value()) GTEST_SKIP() << "no RssAnon in /proc/self/status here";
  auto store = Open();
  const int commits = CommitRecords(path_);
  EXPECT_EQ(commits, kArrays) << "so the counting sees something";
  const uint64_t before = *StatusBytes("RssAnon");
  PeakWatch watch;
  BatchOptions options;
  options.memory_limit_bytes = kLimit;
  auto batch = store->BeginBatch(options);
  ASSERT_OK(batch.status());
  ASSERT_OK(DoubleAll(*batch, [&] { watch.Look(); }));
  ASSERT_OK(batch->Commit());
  const uint64_t peak = watch.Stop() - before;
  EXPECT_LE(peak, kLimit + kArrayBytes);
  EXPECT_GE(peak, kLimit / 2) << "so the measuring sees something";
  RecordProperty("peak_anonymous_bytes", absl::StrCat(peak));
  EXPECT_EQ(CommitRecords(path_), commits + 1);
  EXPECT_GE(batch->stats().spilled_bytes, (kArrays - 13) * kArrayBytes);
  EXPECT_LE(batch->stats().peak_bytes, kLimit);
  ExpectAllDoubled(*store);
}

TEST_F(MemoryLimitTest, ArraysThatAreHeldAreReportedAndKept) {
  auto store = Open();
  BatchOptions options;
  options.memory_limit_bytes = 3 * kArrayBytes;
  auto batch = store->BeginBatch(options);
  std::vector<Array<float>> held;
  for (int i = 0; i < 10; ++i) {
    auto array = batch->Load<float>(Name(i));
    ASSERT_OK(array.status());
    for (float& value : *array) value *= 2;
    ASSERT_OK(batch->Save(Name(i), *array));
    held.push_back(*array);
  }
  EXPECT_EQ(batch->stats().cached_bytes, 10 * kArrayBytes);
  EXPECT_GE(batch->stats().pinned_bytes, 7 * kArrayBytes);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(batch->Load<float>(Name(i))->data(), held[i].data());
  held.clear();
  for (int i = 10; i < kArrays; ++i) {
    auto array = batch->Load<float>(Name(i));
    ASSERT_OK(array.status());
    for (float& value : *array) value *= 2;
    ASSERT_OK(batch->Save(Name(i), *array));
    EXPECT_LE(batch->stats().cached_bytes, 3 * kArrayBytes);
  }
  EXPECT_EQ(batch->stats().pinned_bytes, 0);
  ASSERT_OK(batch->Commit());
  ExpectAllDoubled(*store);
}

enum Outcome { kAllWell = 10, kNoMemory, kElse };

// In a child process that may take `more` bytes of private writable memory beyond what it has.
template <typename Work>
int UnderCeiling(uint64_t more, Work work) {
  const pid_t child = fork();
  if (child == 0) {
    const rlim_t ceiling = *StatusBytes("VmData") + more;
    const rlimit limit = {ceiling, ceiling};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) _exit(kElse);
    _exit(work());
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(MemoryLimitTest, RunsUnderACeilingThatAnUnlimitedBatchHits) {
  if (!StatusBytes("VmData").has_value()) GTEST_SKIP() << "no VmData in /proc/self/status here";
  const auto run = [&](std::optional<uint64_t> limit) {
    return UnderCeiling(kLimit + kArrayBytes + 40'000'000, [&]() -> int {
      auto store = Open();
      BatchOptions options;
      options.memory_limit_bytes = limit;
      auto batch = store->BeginBatch(options);
      if (!batch.ok()) return kElse;
      absl::Status status = DoubleAll(*batch, [] {});
      if (absl::IsResourceExhausted(status)) return batch->Discard().ok() ? kNoMemory : kElse;
      if (status.ok()) status = batch->Commit();
      return status.ok() && store->Close().ok() ? kAllWell : kElse;
    });
  };
  EXPECT_EQ(run(std::nullopt), kNoMemory) << "or this test shows nothing";
  EXPECT_EQ(run(kLimit), kAllWell);
  ExpectAllDoubled(*Open());
}

}  // namespace
}  // namespace numpack
