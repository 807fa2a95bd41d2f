// A directory that the operating system does not let a process write: another user's, and one on a
// read-only file system. The reader is a process of its own, the writer this one.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/mount.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int kCannot = 77;  // what a reader ends with that could not give its rights up

// What a reader's process does, step by step with this one. Nothing of GoogleTest works in it.
class Reader {
 public:
  explicit Reader(const std::function<int(Reader&)>& body) {
    if (pipe(to_reader_) != 0 || pipe(to_test_) != 0) std::abort();
    child_ = fork();
    if (child_ == 0) {
      alarm(60);
      _exit(body(*this));
    }
  }

  // Of the reader: lets the test go on, and waits for it.
  void Meet() const {
    char byte = 0;
    if (write(to_test_[1], "x", 1) != 1 || read(to_reader_[0], &byte, 1) != 1) _exit(99);
  }
  // Of the test: waits for the reader; false when that has ended. Then Continue().
  bool Await() {
    if (to_test_[1] >= 0) close(to_test_[1]);
    to_test_[1] = -1;
    char byte = 0;
    return read(to_test_[0], &byte, 1) == 1;
  }
  void Continue() const { ASSERT_EQ(write(to_reader_[1], "x", 1), 1); }
  int End() const {
    int status = 0;
    if (waitpid(child_, &status, 0) != child_ || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }

 private:
  int to_reader_[2];
  int to_test_[2];
  pid_t child_ = 0;
};

#define EXPECT_OR_EXIT(condition)                                      \
  do {                                                                 \
    if (!(condition)) {                                                \
      std::fprintf(stderr, "line %d: not %s\n", __LINE__, #condition); \
      return 1;                                                        \
    }                                                                  \
  } while (false)

StoreOptions ReadOnly() {
  StoreOptions options;
  options.read_only = true;
  return options;
}

bool Holds(const NumPack& store, double value) {
  const auto view = store.View<double>("a");
  if (!view.ok()) std::fprintf(stderr, "%s\n", view.status().ToString().c_str());
  if (!view.ok() || view->size() != 1000) return false;
  for (const double element : view->span()) {
    if (element != value) return false;
  }
  return true;
}

// What a reader finds that cannot write. It is alone at first; then a writer saves 2, and closes,
// and another saves 3.
int ReadAlong(const std::string& path, Reader& reader) {
  const absl::Status denied = NumPack::Open(path).status();
  EXPECT_OR_EXIT(absl::IsPermissionDenied(denied));
  EXPECT_OR_EXIT(absl::StrContains(denied.message(), "read_only"));
  auto report = NumPack::Verify(path);
  EXPECT_OR_EXIT(report.ok() && report->clean() && !report->in_use);
  absl::StatusOr<NumPack> store = NumPack::Open(path, ReadOnly());
  if (!store.ok()) std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
  EXPECT_OR_EXIT(store.ok());
  EXPECT_OR_EXIT(Holds(*store, 1));
  const auto held = store->View<double>("a");
  std::vector<double> values = {9};
  EXPECT_OR_EXIT(absl::IsPermissionDenied(store->Save("a", MakeView(values))));
  auto batch = store->BeginBatch();
  EXPECT_OR_EXIT(batch.ok() && batch->Load<double>("a").ok());
  EXPECT_OR_EXIT(absl::IsPermissionDenied(batch->Save("b", *batch->Load("a"))));
  EXPECT_OR_EXIT(batch->Discard().ok());
  auto writable = store->BeginWritable();
  EXPECT_OR_EXIT(writable.ok() && absl::IsPermissionDenied(writable->Load("a").status()));
  EXPECT_OR_EXIT(writable->Finish().ok());
  reader.Meet();  // a writer comes
  EXPECT_OR_EXIT(Holds(*store, 2));
  report = NumPack::Verify(path);
  EXPECT_OR_EXIT(report.ok() && report->clean() && report->in_use);
  reader.Meet();  // it goes
  EXPECT_OR_EXIT(Holds(*store, 2));
  reader.Meet();  // another one
  EXPECT_OR_EXIT(Holds(*store, 3));
  for (const double element : held->span()) EXPECT_OR_EXIT(element == 1);
  EXPECT_OR_EXIT(store->Close().ok());
  return 0;
}

class ReadOnlyDirectory : public testing::Test {
 protected:
  // Where everybody may go: Bazel's folders may be one user's.
  void SetUp() override {
    char pattern[] = "/tmp/numpack_read_only_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory_ = pattern;
    ASSERT_EQ(chmod(pattern, 0755), 0);
    umask(022);
    auto store = NumPack::Open(path());
    Save(*store, 1);
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string path() const { return directory_ + "/store"; }

  static void Save(NumPack& store, double value) {
    std::vector<double> values(1000, value);
    ASSERT_EQ(store.Save("a", MakeView(values)), absl::OkStatus());
  }
  static std::vector<std::string> FilesIn(const std::string& path) {
    std::vector<std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(path))
      files.push_back(file.path().filename().string());
    return files;
  }

  // The writer's part of ReadAlong.
  void WriteAlong(Reader& reader) {
    const std::vector<std::string> before = FilesIn(path());
    if (reader.Await()) {
      EXPECT_EQ(FilesIn(path()).size(), before.size());
      {
        auto store = NumPack::Open(path());
        for (int i = 0; i < 20; ++i) Save(*store, 100 + i);
        Save(*store, 2);
        reader.Continue();
        if (!reader.Await()) FAIL() << "the reader ended with " << reader.End();
      }
      reader.Continue();
      if (!reader.Await()) FAIL() << "the reader ended with " << reader.End();
      auto store = NumPack::Open(path());
      for (int i = 0; i < 20; ++i) Save(*store, 200 + i);
      Save(*store, 3);
      reader.Continue();
    }
    const int end = reader.End();
    if (end == kCannot) GTEST_SKIP() << "this process cannot give its right to write up";
    EXPECT_EQ(end, 0);
  }

  std::string directory_;
};

TEST_F(ReadOnlyDirectory, OfAnotherUser) {
  constexpr uid_t kNobody = 65534;
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  Reader reader([&](Reader& self) {
    if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return kCannot;
    if (access(path().c_str(), R_OK | X_OK) != 0) return kCannot;
    return ReadAlong(path(), self);
  });
  WriteAlong(reader);
}

#if defined(__linux__)
TEST_F(ReadOnlyDirectory, OnAReadOnlyFileSystem) {
  const std::string mounted = directory_ + "/mounted";
  ASSERT_EQ(mkdir(mounted.c_str(), 0755), 0);
  Reader reader([&](Reader& self) {
    // In a mount namespace of its own, which ends with the process.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(path().c_str(), mounted.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        mount("none", mounted.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
      return kCannot;
    }
    return ReadAlong(mounted, self);
  });
  WriteAlong(reader);
}
#endif

TEST_F(ReadOnlyDirectory, WhatIsNotThereIsNotMade) {
  const std::string nothing = directory_ + "/nothing";
  EXPECT_TRUE(absl::IsNotFound(NumPack::Open(nothing, ReadOnly()).status()));
  EXPECT_FALSE(std::filesystem::exists(nothing));
  std::filesystem::create_directory(nothing);
  EXPECT_TRUE(absl::IsNotFound(NumPack::Open(nothing, ReadOnly()).status()));
  EXPECT_TRUE(std::filesystem::is_empty(nothing));
}

// Handles of one process: what one of them may not do, another one may.
TEST_F(ReadOnlyDirectory, HandlesOfOneProcess) {
  auto store = NumPack::Open(path());
  auto reader = NumPack::Open(path(), ReadOnly());
  EXPECT_TRUE(reader->read_only());
  EXPECT_FALSE(store->read_only());
  Save(*store, 7);
  EXPECT_TRUE(Holds(*reader, 7));
  std::vector<double> values = {1};
  for (const absl::Status& status :
       {reader->Save("a", MakeView(values)), reader->Append("a", MakeView(values)),
        reader->DropRows("a", {0}), reader->Compact("a"), reader->Remove("a"), reader->Clear(),
        reader->AcknowledgeInterrupted("a"), reader->Begin().status(),
        reader->Duplicate()->Save("a", MakeView(values))}) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  }
  auto batch = reader->BeginBatch();
  EXPECT_TRUE(absl::IsPermissionDenied(batch->Remove("a")));
  EXPECT_EQ(batch->Discard(), absl::OkStatus());
  EXPECT_TRUE(absl::IsPermissionDenied(reader->BeginWritable()->Load("a").status()));
  EXPECT_EQ(reader->Flush(), absl::OkStatus());
  EXPECT_EQ(reader->Close(), absl::OkStatus());
  Save(*store, 8);
}

}  // namespace
}  // namespace numpack
