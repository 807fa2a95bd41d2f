// What only POSIX systems have: fork.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "gtest/gtest.h"
#include "numpack/base/process.h"

namespace numpack {
namespace {

template <typename Check>
bool InChild(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool KnowsItself() { return ProcessId() == static_cast<uint64_t>(getpid()); }

TEST(Process, AChildDoesNotTakeItselfForItsParent) {
  EXPECT_TRUE(KnowsItself());
  const uint32_t forks = ForkCount();
  EXPECT_TRUE(InChild([&] {
    return KnowsItself() && ForkCount() == forks + 1 &&
           InChild([&] { return KnowsItself() && ForkCount() == forks + 2; });
  }));
  EXPECT_TRUE(KnowsItself());
  EXPECT_EQ(ForkCount(), forks);
}

}  // namespace
}  // namespace numpack
