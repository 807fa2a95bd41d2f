// How much memory this process can still use.
#ifndef NUMPACK_BASE_AVAILABLE_MEMORY_H_
#define NUMPACK_BASE_AVAILABLE_MEMORY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"

namespace numpack {

// Bytes that can be had without swapping, file caches counted as free; nothing where the system
// does not tell. On Linux the limits of the process's control groups count, versions 1 and 2.
std::optional<uint64_t> AvailableMemory();

// The contents of a file, or nothing when it cannot be read.
using FileReader = absl::FunctionRef<std::optional<std::string>(const std::string& path)>;

// The same by Linux's rules, from the given files; for tests.
std::optional<uint64_t> LinuxAvailableMemory(FileReader read);

}  // namespace numpack

#endif  // NUMPACK_BASE_AVAILABLE_MEMORY_H_
