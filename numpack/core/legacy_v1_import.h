// Directories of NumPack 0.7 as a store takes them: storage/import.h, with what core knows of them.
#ifndef NUMPACK_CORE_LEGACY_V1_IMPORT_H_
#define NUMPACK_CORE_LEGACY_V1_IMPORT_H_

#include <memory>

#include "numpack/storage/import.h"

namespace numpack {

// Arrays that lie in one file become segments as they are; those with deleted rows and those in
// parts are copied at adoption, and until then every view of one is a copy. metadata.npkm becomes
// metadata.npkm.old.
std::shared_ptr<const storage::ImportSource> LegacyImport();

}  // namespace numpack

#endif  // NUMPACK_CORE_LEGACY_V1_IMPORT_H_
