// What only POSIX systems have: fork.
#include <unistd.h>

#include <cstdint>

#include "gtest/gtest.h"
#include "numpack/base/in_child_for_test.h"
#include "numpack/base/process.h"

namespace numpack {
namespace {

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
