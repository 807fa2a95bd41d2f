// A forked child inherits the state of an open store, and must not use it.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/base/in_child_for_test.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

TEST(Fork, AChildNeitherUsesNorHarmsTheParentsStore) {
  const std::string path = absl::StrCat(testing::TempDir(), "/fork_test_", getpid());
  StoreOptions options;
  options.lock_wait = absl::ZeroDuration();
  // ThreadSanitizer allows no new thread in the child of a process that had some.
  options.background_sync = false;
  auto store = std::make_unique<NumPack>(*NumPack::Open(path, options));
  std::vector<float> values = {1, 2, 3};
  ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());

  EXPECT_TRUE(InChild([&] {
    if (store->Load("a").status().code() != absl::StatusCode::kFailedPrecondition) return false;
    if (store->Save("b", MakeView(values)).code() != absl::StatusCode::kFailedPrecondition)
      return false;
    // A handle of its own is one process's beside another's.
    auto own = NumPack::Open(path, options);
    if (!own.ok() || !own->Save("child", MakeView(values)).ok() || !own->Close().ok()) return false;
    return store->Close().ok();
  }));
  ASSERT_EQ(store->Save("c", MakeView(values)), absl::OkStatus());
  EXPECT_EQ(store->List(), (std::vector<std::string>{"a", "child", "c"}));
  ASSERT_EQ(store->Close(), absl::OkStatus());

  // Once the parent has let go, a child opens the store as anybody else.
  EXPECT_TRUE(InChild([&] {
    auto own = NumPack::Open(path, options);
    return own.ok() && own->List().size() == 3 && own->Save("d", MakeView(values)).ok() &&
           own->Close().ok();
  }));
  EXPECT_EQ(NumPack::Open(path, options)->List().size(), 4u);
}

// Without a slot of its own the child's view would change: nobody else holds the array any more.
TEST(Fork, AChildKeepsTheViewsItInherits) {
  const std::string path = absl::StrCat(testing::TempDir(), "/fork_test_views_", getpid());
  auto store = NumPack::Open(path);
  std::vector<double> values(100'000, 1.0);
  ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());
  auto lazy = std::make_unique<LazyArray>(*store->Lazy("a"));

  int to_child[2];
  ASSERT_EQ(pipe(to_child), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    if (read(to_child[0], &byte, 1) != 1) _exit(2);
    const auto array = lazy->View();
    if (!array.ok()) _exit(3);
    const auto typed = array->As<const double>();
    if (!typed.ok()) _exit(3);
    for (const double value : typed->span()) {
      if (value != 1.0) _exit(4);
    }
    _exit(0);
  }
  lazy = nullptr;
  for (int i = 0; i < 10; ++i) {
    for (double& value : values) value += 1;
    ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());
    ASSERT_EQ(store->Flush(), absl::OkStatus());
  }
  ASSERT_EQ(write(to_child[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  // The child is gone, and its pins with it.
  ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());
  ASSERT_EQ(store->Close(), absl::OkStatus());
  uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(path)) bytes += file.file_size();
  EXPECT_LE(bytes, 1'200'000u);
}

// The same for a reader that cannot write: the lock in place of its pins passes on.
TEST(Fork, AChildKeepsTheViewsOfAReaderThatCannotWrite) {
  const std::string path = absl::StrCat(testing::TempDir(), "/fork_test_reader_", getpid());
  std::vector<double> values(100'000, 1.0);
  ASSERT_EQ(NumPack::Open(path)->Save("a", MakeView(values)), absl::OkStatus());
  StoreOptions read_only;
  read_only.read_only = true;
  auto reader = NumPack::Open(path, read_only);
  ASSERT_EQ(reader.status(), absl::OkStatus());
  auto lazy = std::make_unique<LazyArray>(*reader->Lazy("a"));

  int to_child[2], to_parent[2];
  ASSERT_EQ(pipe(to_child), 0);
  ASSERT_EQ(pipe(to_parent), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    if (write(to_parent[1], "x", 1) != 1) _exit(2);  // it is a process of its own by now
    if (read(to_child[0], &byte, 1) != 1) _exit(2);
    const auto array = lazy->View();
    if (!array.ok()) _exit(3);
    const auto typed = array->As<const double>();
    if (!typed.ok()) _exit(3);
    for (const double value : typed->span()) {
      if (value != 1.0) _exit(4);
    }
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(to_parent[0], &byte, 1), 1);
  lazy = nullptr;
  ASSERT_EQ(reader->Close(), absl::OkStatus());
  auto store = NumPack::Open(path);
  for (int i = 0; i < 10; ++i) {
    for (double& value : values) value += 1;
    ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());
    ASSERT_EQ(store->Flush(), absl::OkStatus());
  }
  ASSERT_EQ(write(to_child[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace numpack
