// The golden directories of NumPack 0.7 (make.py has their format) as C++ sees them.
#ifndef NUMPACK_TESTS_GOLDEN_V07_GOLDEN_DIRECTORY_H_
#define NUMPACK_TESTS_GOLDEN_V07_GOLDEN_DIRECTORY_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"

namespace numpack {

struct GoldenArray {
  std::string dtype;
  std::string shape;  // as ShapeString has it
  std::string bytes;
};

struct GoldenDirectory {
  std::map<std::string, std::string> files;   // contents by name
  std::map<std::string, GoldenArray> arrays;  // what NumPack 0.7 loads, by array
};

// Reads tests/golden/v07/<name>.txt out of the test's runfiles. Whatever goes wrong fails the test.
GoldenDirectory ReadGolden(absl::string_view name);

// Puts the files into a backend's directory. Folders have to be there already.
absl::Status Unpack(const GoldenDirectory& golden, Backend& backend);
absl::Status AddForeignFile(Backend& backend, absl::string_view name, absl::string_view contents);

}  // namespace numpack

#endif  // NUMPACK_TESTS_GOLDEN_V07_GOLDEN_DIRECTORY_H_
