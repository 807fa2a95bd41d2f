// Every backend call of every operation fails, once or from then on, in every way that calls fail.
// The state is then the old or the new one: through the same handle, in what a kill at that moment
// would leave, and after the store is opened again. The handle goes on working, unless a sync has
// failed; nothing stays open, and no space is lost.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/numpack.h"
#include "tests/faults/operations.h"

namespace numpack::faults {
namespace {

struct Kind {
  const char* name;
  FaultInjectingBackend::Predicate calls;  // which can fail
  absl::Status status;
  FaultKind fault = FaultKind::kFail;
};

bool IsSync(const BackendCall& call) {
  return call.operation == BackendOperation::kSync || call.operation == BackendOperation::kFlush ||
         call.operation == BackendOperation::kSyncDirectory;
}

const std::vector<Kind>& Kinds() {
  static const auto* const kinds = new std::vector<Kind>{
      {"Io", [](const BackendCall&) { return true; }, absl::DataLossError("injected")},
      {"NoSpace", [](const BackendCall& call) { return ChangesTheStore(call); },
       absl::ResourceExhaustedError("injected")},
      {"ShortWrite",
       [](const BackendCall& call) { return call.operation == BackendOperation::kWrite; },
       absl::ResourceExhaustedError("injected"), FaultKind::kShortWrite},
      {"Sync", IsSync, absl::DataLossError("injected")},
      {"Lock", [](const BackendCall& call) { return call.operation == BackendOperation::kLock; },
       absl::UnavailableError("injected")},
  };
  return *kinds;
}

// The log is reserved ahead in steps of 64 KiB, files end at pages.
constexpr uint64_t kRounding = (64 << 10) + (16 << 10);

void CopyFile(Backend& from, Backend& to, const std::string& name) {
  const auto in = from.OpenForeign(name, OpenMode::kReadOnly);
  ASSERT_EQ(in.status(), absl::OkStatus());
  std::vector<std::byte> bytes((*in)->Size().value_or(0));
  ASSERT_EQ((*in)->ReadAt(0, absl::MakeSpan(bytes)), absl::OkStatus());
  const auto out = to.Open("copy", OpenMode::kCreateNew);
  ASSERT_EQ(out.status(), absl::OkStatus());
  ASSERT_EQ((*out)->WriteAt(0, absl::MakeConstSpan(bytes)), absl::OkStatus());
  ASSERT_EQ(to.Rename("copy", name), absl::OkStatus());
}

// The directory as a kill at this moment leaves it.
std::shared_ptr<Backend> CopyOf(Backend& from) {
  std::shared_ptr<Backend> copy = NewMemoryBackend();
  const auto files = from.List();
  EXPECT_EQ(files.status(), absl::OkStatus());
  for (const std::string& name : *files) CopyFile(from, *copy, name);
  return copy;
}

uint64_t FileBytes(Backend& backend, absl::string_view prefix) {
  uint64_t sum = 0;
  const auto files = backend.List();
  for (const std::string& name : *files) {
    if (!absl::StartsWith(name, prefix)) continue;
    const auto file = backend.OpenForeign(name, OpenMode::kReadOnly);
    if (file.ok()) sum += (*file)->Size().value_or(0);
  }
  return sum;
}

class FaultsTest : public testing::TestWithParam<std::tuple<size_t, size_t, bool>> {
 protected:
  const Operation& operation() const { return Operations()[std::get<0>(GetParam())]; }
  const Kind& kind() const { return Kinds()[std::get<1>(GetParam())]; }

  void Start() {
    scene_ = Scene();
    memory_ = NewMemoryBackend();
    faulty_ = std::make_shared<FaultInjectingBackend>(memory_);
    faulty_->Count(kind().calls);
    scene_.backend = faulty_;
    faulty_other_ = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
    scene_.other = faulty_other_;
    if (operation().make_directory) {
      ASSERT_EQ(operation().make_directory(*faulty_), absl::OkStatus());
    } else {
      OpenStore();
      ASSERT_EQ(FillStore(*scene_.store), absl::OkStatus());
      if (operation().prepare) {
        ASSERT_EQ(operation().prepare(scene_), absl::OkStatus());
      }
    }
    before_ = StateOf(*memory_);
    after_ = before_;
    operation().effect(after_);
    if (operation().opens) scene_.store.reset();
  }

  void OpenStore() {
    auto opened = NumPack::Open(faulty_, Quiet());
    ASSERT_EQ(opened.status(), absl::OkStatus());
    scene_.store = *std::move(opened);
  }

  // What is found in a copy of the directory.
  Contents StateOf(Backend& backend) {
    auto store = NumPack::Open(CopyOf(backend), Quiet());
    EXPECT_EQ(store.status(), absl::OkStatus());
    if (!store.ok()) return {{"the store", "does not open"}};
    interrupted_ = store->Interrupted();
    return ReadAll(*store);
  }

  bool IsOldOrNew(Contents found) const {
    Contents old = before_;
    Contents now = after_;
    for (const std::string& name : interrupted_) {
      EXPECT_EQ(operation().promise, Promise::kInPlace) << name;
      old.erase(name);
      now.erase(name);
      found.erase(name);
    }
    return found == old || found == now;
  }

  void CheckKilled() {
    // Changes in place that were never begun in the log are no changes.
    EXPECT_TRUE(IsOldOrNew(StateOf(*memory_)));
    const std::shared_ptr<Backend> copy = CopyOf(*memory_);
    // There is no store yet, or one that was made of files of NumPack 0.7 in part: opening it, as
    // above, makes it what it was.
    const auto files = copy->List();
    if (absl::c_linear_search(*files, "metadata.npkm")) return;
    const auto report = Verify(*copy);
    if (absl::IsNotFound(report.status())) return;
    ASSERT_EQ(report.status(), absl::OkStatus());
    for (const Finding& finding : report->findings)
      EXPECT_NE(finding.severity, Severity::kError) << finding.file << ": " << finding.what;
  }

  void CheckHandle(const absl::Status& status) {
    interrupted_ = scene_.store->Interrupted();
    const Contents here = ReadAll(*scene_.store);
    EXPECT_TRUE(IsOldOrNew(here));
    if (status.ok()) {
      EXPECT_TRUE(interrupted_.empty() && here == after_);
    }
    // A sync that failed, or a log that could not be taken back, is told until the store is opened
    // again. Anything else is over when it is over.
    bool may_be_poisoned = false;
    for (const BackendCall& call : failed_calls_) {
      may_be_poisoned |= IsSync(call) || (call.operation == BackendOperation::kRemove &&
                                          absl::StartsWith(call.file, "log."));
    }
    const std::vector<float> values(10, 1.0f);
    for (const std::string& name : scene_.store->List()) {
      const absl::Status saved = scene_.store->Save(name, MakeView(values));
      if (!saved.ok()) {
        EXPECT_TRUE(may_be_poisoned) << name << ": " << saved;
        EXPECT_TRUE(absl::StrContains(saved.message(), "reopen the store")) << saved;
        return;
      }
    }
    EXPECT_TRUE(scene_.store->Interrupted().empty());
    EXPECT_EQ(scene_.store->Save("next", MakeView(values)), absl::OkStatus());
    EXPECT_EQ(scene_.store->Flush(), absl::OkStatus());
    CheckSpace();
  }

  // All bytes of the files are accounted for.
  void CheckSpace() {
    const auto stats = scene_.store->Stats();
    ASSERT_EQ(stats.status(), absl::OkStatus());
    EXPECT_EQ(stats->limbo_bytes, 0u);
    const uint64_t told = stats->live_bytes + stats->slack_bytes + stats->limbo_bytes +
                          stats->free_bytes + stats->log_bytes;
    EXPECT_LE(told, stats->file_bytes);
    EXPECT_LE(stats->file_bytes - told, kRounding);
  }

  // Opened anew, emptied and closed, nothing is left but the log.
  void CheckReopened() {
    scene_.store.reset();
    EXPECT_EQ(faulty_->open_files(), 0);
    EXPECT_EQ(faulty_->open_regions(), 0);
    OpenStore();
    ASSERT_EQ(scene_.store->Clear(), absl::OkStatus());
    const std::vector<float> values(10, 1.0f);
    ASSERT_EQ(scene_.store->Save("next", MakeView(values)), absl::OkStatus());
    ASSERT_EQ(scene_.store->Flush(), absl::OkStatus());
    CheckSpace();
    ASSERT_EQ(scene_.store->Remove("next"), absl::OkStatus());
    ASSERT_EQ(scene_.store->Close(), absl::OkStatus());
    scene_.store.reset();
    EXPECT_EQ(FileBytes(*memory_, "segment."), 0u);
    EXPECT_EQ(faulty_->open_files(), 0);
    EXPECT_EQ(faulty_->open_regions(), 0);
  }

  std::shared_ptr<Backend> memory_;
  std::shared_ptr<FaultInjectingBackend> faulty_;
  std::shared_ptr<FaultInjectingBackend> faulty_other_;
  Scene scene_;
  Contents before_;
  Contents after_;
  std::vector<std::string> interrupted_;
  std::vector<BackendCall> failed_calls_;
};

TEST_P(FaultsTest, OldOrNew) {
  const bool stays = std::get<2>(GetParam());
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000);
    ASSERT_NO_FATAL_FAILURE(Start());
    stays ? faulty_->FailFrom(n, kind().status, kind().fault)
          : faulty_->FailAt(n, kind().status, kind().fault);
    const absl::Status status = operation().run(scene_);
    failed_calls_ = faulty_->failed_calls();
    faulty_->Heal();
    SCOPED_TRACE(absl::StrCat(
        "call ", n, " ", failed_calls_.empty() ? "" : failed_calls_[0].file, " operation ",
        failed_calls_.empty() ? -1 : static_cast<int>(failed_calls_[0].operation), ": ",
        status.ToString()));
    if (failed_calls_.empty()) {
      EXPECT_EQ(status, absl::OkStatus());
    }
    // Of a lock that somebody has, the store says more than the backend.
    if (!status.ok() && !absl::IsUnavailable(status) && operation().explains) {
      EXPECT_TRUE(absl::StrContains(status.message(), "injected"));
    }
    CheckKilled();
    if (scene_.store.has_value() && scene_.store->is_open()) CheckHandle(status);
    ASSERT_NO_FATAL_FAILURE(CheckReopened());
    if (HasFailure() || failed_calls_.empty()) break;
  }
}

// What an operation writes elsewhere: a store that it reads is never the worse for it, and nothing
// half done is left behind there.
class ElsewhereTest : public FaultsTest {};

TEST_P(ElsewhereTest, OldOrNew) {
  const bool stays = std::get<2>(GetParam());
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000);
    ASSERT_NO_FATAL_FAILURE(Start());
    faulty_other_->Count(kind().calls);
    stays ? faulty_other_->FailFrom(n, kind().status, kind().fault)
          : faulty_other_->FailAt(n, kind().status, kind().fault);
    const absl::Status status = operation().run(scene_);
    failed_calls_ = faulty_other_->failed_calls();
    faulty_other_->Heal();
    SCOPED_TRACE(absl::StrCat("call ", n, ": ", status.ToString()));
    if (failed_calls_.empty()) {
      EXPECT_EQ(status, absl::OkStatus());
      auto written = NumPack::Open(faulty_other_, Quiet());
      ASSERT_EQ(written.status(), absl::OkStatus());
      EXPECT_TRUE(ReadAll(*written) == before_);
    }
    failed_calls_.clear();  // not those of the store
    CheckKilled();
    if (scene_.store.has_value()) CheckHandle(absl::OkStatus());
    ASSERT_NO_FATAL_FAILURE(CheckReopened());
    EXPECT_EQ(faulty_other_->open_files(), 0);
    EXPECT_EQ(faulty_other_->open_regions(), 0);
    // What is there is nothing, or opens, with a part of the arrays.
    if (!status.ok()) {
      auto written = NumPack::Open(CopyOf(*faulty_other_), Quiet());
      if (written.ok()) {
        for (const auto& [name, array] : ReadAll(*written)) EXPECT_TRUE(before_[name] == array);
      }
    }
    if (HasFailure() || faulty_other_->calls() == 0) break;
    if (status.ok()) break;
  }
}

std::string NameOf(const testing::TestParamInfo<FaultsTest::ParamType>& info) {
  const auto& [operation, kind, stays] = info.param;
  return absl::StrCat(Operations()[operation].name, Kinds()[kind].name, stays ? "Stays" : "Once");
}

std::vector<size_t> Elsewhere() {
  std::vector<size_t> found;
  for (size_t i = 0; i < Operations().size(); ++i) {
    if (Operations()[i].name == "Export" || Operations()[i].name == "Repair") found.push_back(i);
  }
  return found;
}

INSTANTIATE_TEST_SUITE_P(All, FaultsTest,
                         testing::Combine(testing::Range<size_t>(0, Operations().size()),
                                          testing::Range<size_t>(0, Kinds().size()),
                                          testing::Bool()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(All, ElsewhereTest,
                         testing::Combine(testing::ValuesIn(Elsewhere()),
                                          testing::Range<size_t>(0, Kinds().size()),
                                          testing::Bool()),
                         NameOf);

}  // namespace
}  // namespace numpack::faults
