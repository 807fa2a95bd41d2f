// Vacuum: gives back to the file system what a store does not need.
//
//   auto report = store.Vacuum();
//   std::cout << report->reclaimed_bytes() << " bytes given back\n";
//
// Rows that were dropped and only noted are taken out (that part is core/vacuum.h); packed arrays
// are copied out of sparsely used segments, what is reserved behind arrays is cut off, and the log
// begins anew. It needs nobody to close the store: readers go on, and writers come in between, as
// every commit copies a few megabytes at most. Whatever ends it early, every array is what it was,
// and the next vacuum goes on. It needs free space for what it copies before it gives back, which
// is about 64 MiB.
//
// Afterwards, if nobody held anything and nobody wrote meanwhile: let each array count as its
// bytes, rounded up to 64, or from 32 KiB on to 4 KiB. Then the files that hold arrays of more than
// 256 KiB are as long as those; packed segments together at most 1/15 longer than the others, and
// 24 KiB for each segment (of 64 MiB); the log is as long as its checkpoint and 8 KiB, rounded up
// to 64 KiB. Running it again changes nothing.
#ifndef NUMPACK_STORAGE_VACUUM_H_
#define NUMPACK_STORAGE_VACUUM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace numpack::storage {

struct VacuumOptions {
  // Called now and then with the bytes copied so far and those there are to copy; what there is may
  // grow once. Default: nobody is told.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct VacuumReport {
  // Sizes of the files with arrays and of the log.
  uint64_t before_bytes = 0;
  uint64_t after_bytes = 0;
  // Less than nothing is nothing: others may have written meanwhile.
  uint64_t reclaimed_bytes() const {
    return before_bytes > after_bytes ? before_bytes - after_bytes : 0;
  }

  uint64_t compacted_arrays = 0;  // written without the rows that had been dropped
  uint64_t moved_arrays = 0;      // copied elsewhere, closer together
  uint64_t copied_bytes = 0;      // of both

  // Arrays that were left as they are, because somebody reads them or has them open in writable
  // batch mode; in alphabetical order.
  std::vector<std::string> held;
  // Superseded bytes that somebody still reads: they come back when he lets go.
  uint64_t held_bytes = 0;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_VACUUM_H_
