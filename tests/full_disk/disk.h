// Small disks to run out of: memory with a limit, a tmpfs of 8 MiB, or a directory that the
// environment names (tools/checks/filesystems.sh).
#ifndef NUMPACK_TESTS_FULL_DISK_DISK_H_
#define NUMPACK_TESTS_FULL_DISK_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "numpack/backends/backend.h"

namespace numpack::full_disk {

inline constexpr uint64_t kDiskBytes = uint64_t{8} << 20;

class Disk {
 public:
  virtual ~Disk() = default;
  // An empty directory on the disk. All of them share its space.
  virtual absl::StatusOr<std::shared_ptr<Backend>> NewDirectory() = 0;
};

enum class DiskKind { kMemory, kTmpfs, kGiven };

// Unimplemented, with the reason, where this machine cannot have such a disk.
absl::StatusOr<std::unique_ptr<Disk>> MakeDisk(DiskKind kind);

}  // namespace numpack::full_disk

#endif  // NUMPACK_TESTS_FULL_DISK_DISK_H_
