// ImportSource: a directory that another program made, and that a store can read and take over.
//
// A store without a log asks its source. What the source finds is the store's state, and nothing is
// written, until the first change: then the store adopts the directory (store_import.cc). What the
// files mean is the source's business; here they are names and bytes.
#ifndef NUMPACK_STORAGE_IMPORT_H_
#define NUMPACK_STORAGE_IMPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace numpack::storage {

struct ImportedEntry {
  std::string name;
  std::string metadata;
  uint64_t length = 0;

  // The foreign file that begins with the entry's bytes and is nobody else's: it is renamed at
  // adoption, and becomes a segment. Empty when there is none; then `bytes`, which can only be
  // read, has them (null when there are no bytes), and they are copied at adoption.
  std::string file;
  std::shared_ptr<File> bytes;
};

// Thread-safe.
class ImportSource {
 public:
  virtual ~ImportSource() = default;

  // Whether `files`, the names in a directory without a sound log, are its business.
  virtual bool Recognizes(absl::Span<const std::string> files) const = 0;

  // What is there. The order, and so the place of each entry, is the same each time.
  virtual absl::StatusOr<std::vector<ImportedEntry>> Read(Backend& backend) const = 0;

  // The file of each entry, by its place, whether or not the file is there under that name; empty
  // for entries without one. For undoing an adoption that was cut short.
  virtual absl::StatusOr<std::vector<std::string>> Files(Backend& backend) const = 0;

  // Makes sure that the directory is not recognized any more, keeping what says what was in it.
  // Called when it has been adopted; again, when that was cut short.
  virtual absl::Status Retire(Backend& backend) const = 0;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_IMPORT_H_
