// Facts about this process.
#ifndef NUMPACK_BASE_PROCESS_H_
#define NUMPACK_BASE_PROCESS_H_

#include <cstdint>

namespace numpack {

// The operating system's number of this process.
uint64_t ProcessId();

}  // namespace numpack

#endif  // NUMPACK_BASE_PROCESS_H_
