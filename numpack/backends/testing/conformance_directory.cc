// Conformance: what a Backend does with its directory.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>  // NOLINT(build/c++11)
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

constexpr OpenMode kAllModes[] = {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate,
                                  OpenMode::kCreateNew};

std::vector<std::string> SortedNames(Backend& backend) {
  absl::StatusOr<std::vector<std::string>> names = backend.List();
  EXPECT_TRUE(names.ok()) << names.status();
  if (!names.ok()) return {};
  std::sort(names->begin(), names->end());
  return *names;
}

}  // namespace

TEST_P(BackendConformanceTest, ClaimsWhatItIsMeantTo) {
  const BackendCapabilities claimed = backend().capabilities();
  const BackendCapabilities& expected = GetParam().capabilities;
  EXPECT_EQ(claimed.mappings, expected.mappings);
  EXPECT_EQ(claimed.shared_mappings, expected.shared_mappings);
  EXPECT_EQ(claimed.process_locks, expected.process_locks);
  EXPECT_EQ(claimed.durable_sync, expected.durable_sync);
  EXPECT_EQ(claimed.foreign_files, expected.foreign_files);
}

TEST_P(BackendConformanceTest, OpensOnlyWhatIsThere) {
  EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kReadOnly)), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kReadWrite)), absl::StatusCode::kNotFound);
  EXPECT_TRUE(SortedNames(backend()).empty());
}

TEST_P(BackendConformanceTest, CreatesEmptyFiles) {
  EXPECT_EQ(OpenFile("a", OpenMode::kCreate)->Size().value(), 0u);
  EXPECT_EQ(OpenFile("b", OpenMode::kCreateNew)->Size().value(), 0u);
  EXPECT_EQ(SortedNames(backend()), (std::vector<std::string>{"a", "b"}));
}

TEST_P(BackendConformanceTest, CreateKeepsAnExistingFile) {
  Create("a", "contents");
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kCreate)), "contents");
  EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kCreateNew)), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kReadWrite)), "contents");
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kReadOnly)), "contents");
}

TEST_P(BackendConformanceTest, RefusesWhatCannotBeAFileName) {
  const std::vector<std::string> names = {"",
                                          ".",
                                          "..",
                                          "../x",
                                          "a/b",
                                          "a\\b",
                                          "UPPER",
                                          "con",
                                          "a b",
                                          "end.",
                                          ".dot",
                                          std::string(65, 'a'),
                                          std::string("a\0b", 3)};
  for (const std::string& name : names) {
    for (const OpenMode mode : kAllModes) {
      EXPECT_EQ(CodeOf(backend().Open(name, mode)), absl::StatusCode::kInvalidArgument) << name;
    }
    EXPECT_EQ(CodeOf(backend().Remove(name)), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST_P(BackendConformanceTest, TakesTheLongestName) {
  const std::string name(64, 'a');
  Create(name, "x");
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{name});
}

TEST_P(BackendConformanceTest, ListsForeignFilesToo) {
  if (!GetParam().add_foreign_file) GTEST_SKIP() << "no other way into this backend";
  Create("ours", "");
  GetParam().add_foreign_file(backend(), "Foreign File.txt");
  EXPECT_EQ(SortedNames(backend()), (std::vector<std::string>{"Foreign File.txt", "ours"}));
}

TEST_P(BackendConformanceTest, RemovesFiles) {
  Create("a", "x");
  Create("b", "y");
  EXPECT_TRUE(backend().Remove("a").ok());
  EXPECT_EQ(CodeOf(backend().Remove("a")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kReadOnly)), absl::StatusCode::kNotFound);
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{"b"});
}

TEST_P(BackendConformanceTest, RemovedFileServesWhoHasItOpen) {
  const std::unique_ptr<File> old_file = Create("a", "old");
  ASSERT_TRUE(backend().Remove("a").ok());
  const std::unique_ptr<File> new_file = Create("a", "new contents");  // the name is free at once
  Write(*old_file, 3, "er");
  EXPECT_EQ(ReadAll(*old_file), "older");
  EXPECT_EQ(ReadAll(*new_file), "new contents");
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kReadOnly)), "new contents");
}

TEST_P(BackendConformanceTest, FileOutlivesTheBackend) {
  const std::unique_ptr<File> file = Create("a", "text");
  DropBackend();
  Write(*file, 4, "s");
  EXPECT_EQ(ReadAll(*file), "texts");
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(BackendConformanceTest, SyncsItsDirectoryAndSaysThatItIsThere) {
  Create("a", "x");
  EXPECT_TRUE(backend().SyncDirectory().ok());
  EXPECT_TRUE(backend().CheckPresent().ok());
}

TEST_P(BackendConformanceTest, TellsFreeSpace) {
  const absl::StatusOr<uint64_t> bytes = backend().FreeSpace();
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_GT(*bytes, 0u);
}

TEST_P(BackendConformanceTest, BootIdStaysTheSame) {
  const std::string id = backend().BootId();
  EXPECT_EQ(backend().BootId(), id);
  const std::shared_ptr<Backend> another =
      GetParam().reopen ? GetParam().reopen(backend()) : GetParam().make_new();
  EXPECT_EQ(another->BootId(), id);
}

TEST_P(BackendConformanceTest, IdentityTellsDirectoriesApart) {
  const std::shared_ptr<Backend> other = GetParam().make_new();
  EXPECT_FALSE(backend().Identity().empty());
  EXPECT_EQ(backend().Identity(), backend().Identity());
  EXPECT_NE(backend().Identity(), other->Identity());
}

TEST_P(BackendConformanceTest, AnotherBackendOnTheDirectorySeesTheSame) {
  if (!GetParam().reopen) GTEST_SKIP() << "a backend of this kind is its own directory";
  const std::unique_ptr<File> file = Create("a", "text");
  const std::shared_ptr<Backend> again = GetParam().reopen(backend());
  EXPECT_EQ(again->Identity(), backend().Identity());
  EXPECT_EQ(SortedNames(*again), std::vector<std::string>{"a"});
  auto same_file = again->Open("a", OpenMode::kReadWrite);
  ASSERT_TRUE(same_file.ok()) << same_file.status();
  EXPECT_EQ(ReadAll(**same_file), "text");
  Write(**same_file, 0, "T");
  EXPECT_EQ(ReadAll(*file), "Text");
}

TEST_P(BackendConformanceTest, DescribesItself) {
  EXPECT_FALSE(backend().Describe().empty());
  const std::unique_ptr<File> file = Create("a", "");
  EXPECT_EQ(file->description(), backend().Describe() + "/a");
  const absl::Status missing = backend().Open("gone", OpenMode::kReadOnly).status();
  EXPECT_TRUE(absl::StrContains(missing.message(), "gone")) << missing;
}

TEST_P(BackendConformanceTest, ThreadsShareTheDirectory) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      const std::string name = absl::StrCat("file.", t);
      for (int round = 0; round < 50; ++round) {
        Create(name, absl::StrCat(t));
        EXPECT_TRUE(OpenFile("common")->Size().ok());
        EXPECT_TRUE(backend().List().ok());
        EXPECT_TRUE(backend().Remove(name).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{"common"});
}

TEST_P(BackendConformanceTest, OneOfManyThreadsCreates) {
  for (int round = 0; round < 20; ++round) {
    std::vector<absl::StatusCode> codes(4);
    std::vector<std::thread> threads;
    for (absl::StatusCode& code : codes) {
      threads.emplace_back(
          [this, &code] { code = CodeOf(backend().Open("a", OpenMode::kCreateNew)); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(codes.begin(), codes.end(), absl::StatusCode::kOk), 1);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), absl::StatusCode::kAlreadyExists), 3);
    EXPECT_TRUE(backend().Remove("a").ok());
  }
}

}  // namespace numpack
