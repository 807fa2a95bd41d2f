#include "numpack/base/available_memory.h"

#if defined(_WIN32)
#include <windows.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#include <sys/types.h>
#else
#include <fstream>
#include <iterator>
#endif

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace numpack {
namespace {

// A file that is one number. Version 2 writes "max" for no limit, which is no number.
std::optional<uint64_t> Number(std::optional<std::string> text) {
  uint64_t number = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

// The number behind `key` in lines such as "MemAvailable:  123 kB" and "inactive_file 123".
std::optional<uint64_t> NumberOf(const std::optional<std::string>& text, absl::string_view key) {
  if (!text.has_value()) return std::nullopt;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t:"), absl::SkipEmpty());
    uint64_t number = 0;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtoi(words[1], &number)) return number;
  }
  return std::nullopt;
}

// The files of one version of control groups.
struct GroupFiles {
  const char* mount;
  const char* limit;
  const char* usage;
  const char* reclaimable;  // in memory.stat: file caches that go first
};
constexpr GroupFiles kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                  "memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                  "inactive_file"};

// What a group and those above it leave, at most `available`.
uint64_t LimitByGroups(uint64_t available, const GroupFiles& files, absl::string_view group,
                       FileReader read) {
  while (true) {
    group = absl::StripSuffix(group, "/");
    const std::string folder = absl::StrCat(files.mount, group, "/");
    const std::optional<uint64_t> limit = Number(read(folder + files.limit));
    const std::optional<uint64_t> usage = Number(read(folder + files.usage));
    if (limit.has_value() && usage.has_value()) {
      const uint64_t caches = NumberOf(read(folder + "memory.stat"), files.reclaimable).value_or(0);
      const uint64_t used = *usage - std::min(caches, *usage);
      available = std::min(available, *limit - std::min(used, *limit));
    }
    const size_t slash = group.rfind('/');
    if (slash == absl::string_view::npos) return available;
    group = group.substr(0, slash);
  }
}

}  // namespace

std::optional<uint64_t> LinuxAvailableMemory(FileReader read) {
  const std::optional<uint64_t> kilobytes = NumberOf(read("/proc/meminfo"), "MemAvailable");
  if (!kilobytes.has_value()) return std::nullopt;
  uint64_t available = *kilobytes * 1024;
  // Lines are "number:controllers:/group"; version 2 has no controllers.
  const std::string groups = read("/proc/self/cgroup").value_or("");
  for (const absl::string_view line : absl::StrSplit(groups, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    if (parts[1].empty()) {
      available = LimitByGroups(available, kVersion2, parts[2], read);
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      available = LimitByGroups(available, kVersion1, parts[2], read);
    }
  }
  return available;
}

#if defined(_WIN32)

std::optional<uint64_t> AvailableMemory() {
  MEMORYSTATUSEX status = {};
  status.dwLength = sizeof(status);
  if (!GlobalMemoryStatusEx(&status)) return std::nullopt;
  return status.ullAvailPhys;
}

#elif defined(__APPLE__)

std::optional<uint64_t> AvailableMemory() {
  vm_statistics64_data_t pages = {};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const mach_port_t host = mach_host_self();
  const kern_return_t result =
      host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count);
  mach_port_deallocate(mach_task_self(), host);
  if (result != KERN_SUCCESS) return std::nullopt;
  return (uint64_t{pages.free_count} + pages.inactive_count) * vm_kernel_page_size;
}

#else

std::optional<uint64_t> AvailableMemory() {
  return LinuxAvailableMemory([](const std::string& path) -> std::optional<std::string> {
    std::ifstream file(path);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (text.empty()) return std::nullopt;  // none of these files is empty
    return text;
  });
}

#endif

}  // namespace numpack
