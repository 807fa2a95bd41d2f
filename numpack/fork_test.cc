// A forked child inherits the state of an open store, and must not use it.
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

// Runs `check` in a child; true when it returned true there.
template <typename Check>
bool InChild(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Fork, AChildNeitherUsesNorHarmsTheParentsStore) {
  const std::string path = absl::StrCat(testing::TempDir(), "/fork_test_", getpid());
  StoreOptions options;
  options.lock_wait = absl::ZeroDuration();
  auto store = std::make_unique<NumPack>(*NumPack::Open(path, options));
  std::vector<float> values = {1, 2, 3};
  ASSERT_EQ(store->Save("a", MakeView(values)), absl::OkStatus());

  EXPECT_TRUE(InChild([&] {
    if (store->Load("a").status().code() != absl::StatusCode::kFailedPrecondition) return false;
    if (store->Save("b", MakeView(values)).code() != absl::StatusCode::kFailedPrecondition)
      return false;
    if (NumPack::Open(path, options).status().code() != absl::StatusCode::kUnavailable)
      return false;
    return store->Close().ok();
  }));
  ASSERT_EQ(store->Save("c", MakeView(values)), absl::OkStatus());
  EXPECT_EQ(store->List(), (std::vector<std::string>{"a", "c"}));
  ASSERT_EQ(store->Close(), absl::OkStatus());

  // Once the parent has let go, a child opens the store as anybody else.
  EXPECT_TRUE(InChild([&] {
    auto own = NumPack::Open(path, options);
    return own.ok() && own->List().size() == 2 && own->Save("d", MakeView(values)).ok() &&
           own->Close().ok();
  }));
  EXPECT_EQ(NumPack::Open(path, options)->List().size(), 3u);
}

}  // namespace
}  // namespace numpack
