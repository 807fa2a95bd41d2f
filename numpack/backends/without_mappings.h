// For file systems on which mapping a file is impossible or unsafe: a backend that does without.
#ifndef NUMPACK_BACKENDS_WITHOUT_MAPPINGS_H_
#define NUMPACK_BACKENDS_WITHOUT_MAPPINGS_H_

#include <memory>

#include "numpack/backends/backend.h"

namespace numpack {

// The same directory, with neither mappings nor shared_mappings: everything else is handed on. The
// store reads into memory of its own then, and writes back what is changed there.
std::shared_ptr<Backend> WithoutMappings(std::shared_ptr<Backend> backend);

// Whether mappings work as the backend claims. With `may_write` a file is made, mapped for writing,
// looked at both ways and removed; otherwise a file that is there is mapped for reading. What keeps
// it from finding out (no right to write, a full disk, no file) is not the mappings' fault: true.
bool MappingsWork(Backend& backend, bool may_write);

// `backend`, or WithoutMappings of it when its mappings are in doubt and do not work. Those that it
// claims to share between processes are in none.
std::shared_ptr<Backend> UnmappedUnlessItWorks(std::shared_ptr<Backend> backend, bool may_write);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WITHOUT_MAPPINGS_H_
