// Vacuum of a store that another process reads and writes: what it reads stays, and it finds out
// what has become of the files.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr size_t kLarge = 131'072;  // 1 MiB of double

absl::Status Save(NumPack& store, absl::string_view name, size_t count, double value) {
  const std::vector<double> values(count, value);
  return store.Save(name, MakeView(values));
}

absl::Status Append(NumPack& store, absl::string_view name, size_t count, double value) {
  const std::vector<double> values(count, value);
  return store.Append(name, MakeView(values));
}

StoreOptions Options() {
  StoreOptions options;
  // ThreadSanitizer allows no new thread in the child of a process that had some.
  options.background_sync = false;
  return options;
}

bool AllAre(const absl::StatusOr<Array<const double>>& array, size_t count, double value) {
  if (!array.ok() || array->size() != count) return false;
  for (const double element : *array) {
    if (element != value) return false;
  }
  return true;
}

// Two processes that take turns.
class Turns {
 public:
  Turns() {
    if (pipe(to_child_) != 0 || pipe(to_parent_) != 0) _exit(100);
  }
  void Pass(bool to_child) const { Write(to_child ? to_child_[1] : to_parent_[1]); }
  bool Wait(bool in_child) const {
    char byte = 0;
    return read(in_child ? to_child_[0] : to_parent_[0], &byte, 1) == 1;
  }

 private:
  static void Write(int fd) {
    if (write(fd, "x", 1) != 1) _exit(101);
  }
  int to_child_[2];
  int to_parent_[2];
};

// How it ends says which check failed.
int Child(const std::string& path, const Turns& turns) {
  auto store = NumPack::Open(path, Options());
  if (!store.ok()) return 2;
  // So that it has books of its own.
  if (!Save(*store, "mine", 10, 1).ok()) return 3;
  std::optional<absl::StatusOr<Array<const double>>> small = store->View<double>("a100");
  std::optional<absl::StatusOr<Array<const double>>> large = store->View<double>("grown");
  turns.Pass(/*to_child=*/false);

  if (!turns.Wait(/*in_child=*/true)) return 4;
  if (!AllAre(*small, 500, 100) || !AllAre(*large, kLarge + 1, 1)) return 5;
  for (int i = 0; i < 300; i += 20) {
    if (!AllAre(store->View<double>(absl::StrCat("a", i)), 500, i)) return 6;
  }
  // The file was cut: it has to be grown before these rows are written, and what is left of it is
  // too short for another large array.
  if (!Append(*store, "grown", kLarge / 4, 1).ok()) return 7;
  if (!store->Remove("spare").ok() || !store->Flush().ok()) return 8;
  if (!Save(*store, "reused", kLarge + kLarge / 3, 2).ok()) return 9;
  if (!AllAre(*small, 500, 100) || !AllAre(*large, kLarge + 1, 1)) return 10;
  small.reset();
  large.reset();
  return store->Close().ok() ? 0 : 11;
}

TEST(VacuumProcess, AnotherProcessReadsAndWrites) {
  const std::string path = absl::StrCat(testing::TempDir(), "/vacuum_process_test_", getpid());
  const Turns turns;
  {
    auto store = NumPack::Open(path, Options());
    ASSERT_OK(store.status());
    for (int i = 0; i < 300; ++i) ASSERT_OK(Save(*store, absl::StrCat("a", i), 500, i));
    for (const char* name : {"grown", "spare"}) {
      ASSERT_OK(Save(*store, name, kLarge, 1));
      ASSERT_OK(Append(*store, name, 1, 1));  // reserves half as much again
    }
    for (int i = 0; i < 300; ++i) {
      if (i % 20 == 0) continue;
      ASSERT_OK(store->Remove(absl::StrCat("a", i)));
    }
    ASSERT_OK(store->Close());
  }
  const pid_t child = fork();
  if (child == 0) _exit(Child(path, turns));
  {
    auto store = NumPack::Open(path, Options());
    ASSERT_OK(store.status());
    ASSERT_TRUE(turns.Wait(/*in_child=*/false));
    const auto report = store->Vacuum();
    ASSERT_OK(report.status());
    EXPECT_EQ(report->held, std::vector<std::string>{"a100"});
    EXPECT_GT(report->moved_arrays, 10u);
    EXPECT_GT(report->reclaimed_bytes(), uint64_t{1} << 20);
    turns.Pass(/*to_child=*/true);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << WEXITSTATUS(status);

    // The child is gone, and its pins with it.
    const auto again = store->Vacuum();
    ASSERT_OK(again.status());
    EXPECT_TRUE(again->held.empty());
    EXPECT_TRUE(AllAre(store->View<double>("grown"), kLarge + 1 + kLarge / 4, 1));
    EXPECT_TRUE(AllAre(store->View<double>("reused"), kLarge + kLarge / 3, 2));
    ASSERT_OK(store->Close());
  }
  const auto verified = NumPack::Verify(path);
  ASSERT_OK(verified.status());
  EXPECT_TRUE(verified->clean());
  auto store = NumPack::Open(path, Options());
  ASSERT_OK(store.status());
  EXPECT_TRUE(AllAre(store->View<double>("grown"), kLarge + 1 + kLarge / 4, 1));
  for (int i = 0; i < 300; i += 20)
    EXPECT_TRUE(AllAre(store->View<double>(absl::StrCat("a", i)), 500, i));
  ASSERT_OK(store->Close());
  std::filesystem::remove_all(path);
}

// The writer's lock is held from the first load on, and a killed process leaves nothing of what it
// changed.
TEST(VacuumProcess, AnAtomicBlockThatIsKilledLeavesTheOldArrays) {
  const std::string path = absl::StrCat(testing::TempDir(), "/atomic_process_test_", getpid());
  const Turns turns;
  const pid_t child = fork();
  if (child == 0) {
    auto store = NumPack::Open(path, Options());
    if (!store.ok()) _exit(2);
    if (!Save(*store, "a", 500, 1).ok()) _exit(3);
    if (!Save(*store, "b", kLarge, 1).ok()) _exit(4);
    WritableBatchOptions options;
    options.atomic = true;
    auto batch = store->BeginWritable(options);
    for (const char* name : {"a", "b"}) {
      auto array = batch->Load<double>(name);
      if (!array.ok()) _exit(5);
      for (double& value : *array) value = 2;
    }
    turns.Pass(/*to_child=*/false);
    turns.Wait(/*in_child=*/true);
    _exit(6);  // it was to be killed
  }
  ASSERT_TRUE(turns.Wait(/*in_child=*/false));
  StoreOptions options = Options();
  options.lock_wait = absl::ZeroDuration();
  auto store = NumPack::Open(path, options);
  ASSERT_OK(store.status());
  EXPECT_TRUE(AllAre(store->View<double>("a"), 500, 1));
  EXPECT_TRUE(AllAre(store->View<double>("b"), kLarge, 1));
  EXPECT_EQ(Save(*store, "a", 1, 1).code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(AllAre(store->View<double>("a"), 500, 1));
  EXPECT_TRUE(AllAre(store->View<double>("b"), kLarge, 1));
  EXPECT_TRUE(store->Interrupted().empty());
  // What the copies took is free.
  const auto report = store->Vacuum();
  ASSERT_OK(report.status());
  EXPECT_LT(report->after_bytes, 8 * (kLarge + 500) + (80 << 10));
  ASSERT_OK(store->Close());
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace numpack
