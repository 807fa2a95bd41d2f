// Finding: one thing that a look at a store's files has found.
#ifndef NUMPACK_STORAGE_FINDING_H_
#define NUMPACK_STORAGE_FINDING_H_

#include <cstdint>
#include <optional>
#include <string>

namespace numpack::storage {

enum class Severity {
  kNote,     // nothing is wrong: leftovers, what the next open will clear up
  kWarning,  // an array may not be what its last writer meant it to be
  kError,    // damage: the store, or an array of it, cannot be used
};

struct Finding {
  Severity severity = Severity::kError;
  std::string file;                // in the store's directory
  std::optional<uint64_t> offset;  // in that file
  std::string array;               // whose array it is about, if it is about one
  std::string what;
  std::string remedy;  // what to do; empty when there is nothing to be done
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_FINDING_H_
