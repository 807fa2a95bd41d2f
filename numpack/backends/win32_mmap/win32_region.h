// Mapping a range of a file with MapViewOfFile.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REGION_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REGION_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <cstdint>

#include "absl/status/statusor.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/win32_open_file.h"

namespace numpack {

// File::Map for a range that is not empty and does not overflow.
absl::StatusOr<MappedRegion> MapWin32File(const Win32OpenFile& file, uint64_t offset,
                                          uint64_t length, MapMode mode);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_REGION_H_
