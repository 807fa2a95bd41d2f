// Writing a store's arrays as a directory that NumPack 0.7 opens.
#ifndef NUMPACK_CORE_LEGACY_V1_EXPORT_H_
#define NUMPACK_CORE_LEGACY_V1_EXPORT_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "numpack/backends/backend.h"
#include "numpack/core/array_store.h"

namespace numpack {

struct ExportV1Options {
  // Called now and then with the bytes written so far and those there are in all. Default: nobody
  // is told.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// Writes all arrays of `source`, as of one moment, into the directory of `target`, which must be
// empty. Arrays are written piece by piece (4 MiB, or one row where rows are longer), synced, and
// then named in metadata.npkm, which comes last and all at once: before that NumPack 0.7 sees no
// array, afterwards all of them, also after a power loss.
//
// An array's data file is data_<array>.npkd where a file can have that name, else data_~<n>.npkd:
// NumPack 0.7 then loads, appends to and replaces rows of the array, but cannot drop its rows nor
// open it in writable mode, because it makes names of files out of that of the array there.
//
// InvalidArgument, before anything is written, names an array that NumPack 0.7 cannot load: rank 0,
// more than 32 axes, a name that is no UTF-8. FailedPrecondition when there are files in `target`;
// Unimplemented for a backend without foreign_files; Unavailable when somebody else is changing
// `source` all the time. After an error what was written is removed, as far as that works.
absl::Status ExportV1(ArrayStore& source, Backend& target, const ExportV1Options& options = {});

}  // namespace numpack

#endif  // NUMPACK_CORE_LEGACY_V1_EXPORT_H_
