#include "numpack/base/available_memory.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace numpack {
namespace {

using Files = std::map<std::string, std::string>;
constexpr uint64_t kMegabyte = 1'000'000;

std::optional<uint64_t> Available(const Files& files) {
  return LinuxAvailableMemory([&](const std::string& path) -> std::optional<std::string> {
    const auto it = files.find(path);
    if (it == files.end()) return std::nullopt;
    return it->second;
  });
}

// 8,000 MB without control groups.
const Files kMachine = {
    {"/proc/meminfo", "MemTotal:  16000000 kB\nMemAvailable:    7812500 kB\nBuffers: 1 kB\n"}};

Files With(Files more) {
  more.insert(kMachine.begin(), kMachine.end());
  return more;
}

TEST(AvailableMemory, IsTheSystemsWithoutGroups) {
  EXPECT_EQ(Available(kMachine), 8000 * kMegabyte);
  EXPECT_EQ(Available(With({{"/proc/self/cgroup", "0::/\n"}})), 8000 * kMegabyte);
  EXPECT_EQ(Available({}), std::nullopt);
  EXPECT_EQ(Available({{"/proc/meminfo", "MemAvailable: many kB\n"}}), std::nullopt);
}

TEST(AvailableMemory, Version2LimitsLessWhatIsUsedButNotCached) {
  EXPECT_EQ(Available(With({
                {"/proc/self/cgroup", "0::/jobs/one\n"},
                {"/sys/fs/cgroup/jobs/one/memory.max", "1000000000\n"},
                {"/sys/fs/cgroup/jobs/one/memory.current", "600000000\n"},
                {"/sys/fs/cgroup/jobs/one/memory.stat", "anon 9\ninactive_file 100000000\n"},
            })),
            500 * kMegabyte);
}

TEST(AvailableMemory, TheTightestGroupAboveCounts) {
  EXPECT_EQ(Available(With({
                {"/proc/self/cgroup", "0::/jobs/one\n"},
                {"/sys/fs/cgroup/jobs/one/memory.max", "max\n"},
                {"/sys/fs/cgroup/jobs/one/memory.current", "600000000\n"},
                {"/sys/fs/cgroup/jobs/memory.max", "700000000\n"},
                {"/sys/fs/cgroup/jobs/memory.current", "650000000\n"},
            })),
            50 * kMegabyte);
  // In a container with a namespace of its own the group is the root of the mount.
  EXPECT_EQ(Available(With({
                {"/proc/self/cgroup", "0::/\n"},
                {"/sys/fs/cgroup/memory.max", "300000000\n"},
                {"/sys/fs/cgroup/memory.current", "400000000\n"},
            })),
            0);
}

TEST(AvailableMemory, Version1HasAControllerOfItsOwn) {
  EXPECT_EQ(Available(With({
                {"/proc/self/cgroup", "4:cpu,cpuacct:/x\n7:memory:/box\n0::/\n"},
                {"/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2000000000\n"},
                {"/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "500000000\n"},
                {"/sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 200000000\n"},
                {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
                {"/sys/fs/cgroup/memory/memory.usage_in_bytes", "5000000000\n"},
            })),
            1700 * kMegabyte);
}

TEST(AvailableMemory, TheRealOneIsPlausible) {
  const std::optional<uint64_t> available = AvailableMemory();
  if (!available.has_value()) GTEST_SKIP() << "this system does not tell";
  EXPECT_LT(*available, uint64_t{1} << 50);
}

}  // namespace
}  // namespace numpack
