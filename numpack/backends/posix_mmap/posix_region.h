// Mapping a range of a file with mmap.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_REGION_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_REGION_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/posix_open_file.h"

namespace numpack {

// File::Map for a range that is not empty and does not overflow.
absl::StatusOr<MappedRegion> MapPosixFile(std::shared_ptr<PosixOpenFile> file, uint64_t offset,
                                          uint64_t length, MapMode mode);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_REGION_H_
