#include "numpack/core/legacy_v1_export.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/core/array_store.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

class ExportV1Test : public testing::Test {
 protected:
  void Save(absl::string_view name, absl::Span<const int64_t> shape = {2, 2}) {
    int64_t size = 1;
    for (const int64_t axis : shape) size *= axis;
    std::vector<int32_t> values(static_cast<size_t>(size));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
    const absl::Status status = source_.Save(name, MakeView(values, shape));
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<std::string> Files() {
    std::vector<std::string> names = *target_->List();
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> ExportedNames() {
    absl::StatusOr<std::vector<LegacyArray>> arrays = ReadLegacyDirectory(*target_);
    EXPECT_TRUE(arrays.ok()) << arrays.status();
    std::vector<std::string> names;
    if (arrays.ok()) {
      for (const LegacyArray& array : *arrays) names.push_back(array.name);
    }
    return names;
  }

  ArrayStore source_ = *ArrayStore::Open(NewMemoryBackend());
  const std::shared_ptr<FaultInjectingBackend> target_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
};

TEST_F(ExportV1Test, NamesFilesAfterArraysWhereItCan) {
  const std::string long_name(300, 'x');
  const std::vector<std::string> names = {"~1", "a/b", "w", "W", long_name, std::string("n\0l", 3)};
  for (const std::string& name : names) Save(name);
  ASSERT_TRUE(ExportV1(source_, *target_).ok());
  EXPECT_EQ(Files(),
            (std::vector<std::string>{"data_W.npkd", "data_w.npkd", "data_~1.npkd", "data_~2.npkd",
                                      "data_~3.npkd", "data_~4.npkd", "metadata.npkm"}));
  EXPECT_EQ(ExportedNames(), names);
}

TEST_F(ExportV1Test, WritesLargeArraysPieceByPieceAndTellsHowFar) {
  Save("large", {3000, 1000});
  Save("empty", {0, 3});
  Save("no columns", {3, 0});
  std::vector<uint64_t> progress;
  ExportV1Options options;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, 12'000'000u);
    progress.push_back(done);
  };
  ASSERT_TRUE(ExportV1(source_, *target_, options).ok());
  EXPECT_EQ(progress.size(), 3u);
  EXPECT_EQ(progress.back(), 12'000'000u);
  EXPECT_EQ(ExportedNames(), (std::vector<std::string>{"large", "empty", "no columns"}));
}

TEST_F(ExportV1Test, EmptyStoreIsAnEmptyDirectoryOf07) {
  ASSERT_TRUE(ExportV1(source_, *target_).ok());
  EXPECT_EQ(Files(), std::vector<std::string>{"metadata.npkm"});
  EXPECT_TRUE(ExportedNames().empty());
}

TEST_F(ExportV1Test, RefusesWhatNumPack07CannotLoad) {
  Save("fine");
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, std::vector<int64_t>(33, 1)}) {
    Save("bad", shape);
    const absl::Status status = ExportV1(source_, *target_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "'bad'")) << status;
    EXPECT_TRUE(Files().empty());
  }
  ASSERT_TRUE(source_.Remove("bad").ok());
  Save("\xff");
  EXPECT_EQ(ExportV1(source_, *target_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Files().empty());
}

TEST_F(ExportV1Test, WantsADirectoryToItself) {
  ASSERT_TRUE(target_->Open("other", OpenMode::kCreate).ok());
  EXPECT_EQ(ExportV1(source_, *target_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ExportV1Test, EveryFailingCallLeavesNothing) {
  Save("w");
  Save("a/b");
  for (const FaultKind kind : {FaultKind::kFail, FaultKind::kShortWrite}) {
    for (int64_t n = 1;; ++n) {
      target_->FailAt(n, absl::ResourceExhaustedError("injected"), kind);
      const absl::Status status = ExportV1(source_, *target_);
      const bool failed = target_->faults() > 0;
      target_->Heal();
      if (!failed) break;
      EXPECT_TRUE(absl::EndsWith(status.message(), "injected")) << n << ": " << status;
      EXPECT_TRUE(Files().empty()) << n << ": " << Files().front();
    }
    ASSERT_EQ(ExportedNames().size(), 2u);
    for (const char* name : {"data_w.npkd", "data_~1.npkd"}) {
      ASSERT_TRUE(target_->Rename(name, "gone").ok());
      ASSERT_TRUE(target_->Remove("gone").ok());
    }
    ASSERT_TRUE(target_->Remove("metadata.npkm").ok());
  }
}

// What a power loss could leave is decided by the order of calls alone.
TEST_F(ExportV1Test, MetadataComesLastAndAfterEverythingIsSafe) {
  Save("v");
  Save("w");
  int unsynced = 0;
  int unnamed = 0;
  std::vector<std::string> problems;
  target_->Count([&](const BackendCall& call) {
    if (call.operation == BackendOperation::kWrite) ++unsynced;
    if (call.operation == BackendOperation::kSync && unsynced > 0) --unsynced;
    if (call.operation == BackendOperation::kRename) {
      if (unsynced > 0) problems.push_back(absl::StrCat(call.file, " before its contents"));
      if (call.file == "export.2" && unnamed > 0) problems.emplace_back("metadata before names");
      ++unnamed;
    }
    if (call.operation == BackendOperation::kSyncDirectory) unnamed = 0;
    return false;
  });
  ASSERT_TRUE(ExportV1(source_, *target_).ok());
  EXPECT_TRUE(problems.empty()) << problems.front();
  EXPECT_EQ(unnamed, 0) << "the directory is synced at the end";
}

}  // namespace
}  // namespace numpack
