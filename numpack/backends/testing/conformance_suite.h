// The tests that every Backend passes: backend.h, file.h and mapped_region.h as code.
//
// An implementation instantiates them in its own folder, in a test that also links
// :conformance_suite:
//
//   namespace numpack {
//   INSTANTIATE_TEST_SUITE_P(Mine, BackendConformanceTest, testing::Values(MyFactory()));
//   }
#ifndef NUMPACK_BACKENDS_TESTING_CONFORMANCE_SUITE_H_
#define NUMPACK_BACKENDS_TESTING_CONFORMANCE_SUITE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"

namespace numpack {

// How the suite gets at an implementation, and what it must find there.
struct BackendFactory {
  std::string name;

  // A backend over a new, empty directory.
  std::function<std::shared_ptr<Backend>()> make_new;

  // Another backend over the same directory. Empty where there can be none (memory); the tests that
  // need it are then reported as skipped.
  std::function<std::shared_ptr<Backend>(Backend&)> reopen;

  // Puts a plain file with this name, which no store would choose, and the contents "foreign" into
  // the directory, past the backend; for "folder/name" it makes the folder. Empty where that is
  // impossible.
  std::function<void(Backend&, const std::string& name)> add_foreign_file;

  // What the implementation is meant to claim: a test fails when the wrong one runs.
  BackendCapabilities capabilities;
  bool makes_private = false;  // MappedRegion::MakePrivate works
  // File::Truncate shrinks a file behind all live mappings; otherwise it may refuse that.
  bool truncates_behind_mappings = true;
};

// For gtest's messages.
inline void PrintTo(const BackendFactory& factory, std::ostream* out) { *out << factory.name; }

inline absl::StatusCode CodeOf(const absl::Status& status) { return status.code(); }
template <typename T>
absl::StatusCode CodeOf(const absl::StatusOr<T>& value) {
  return value.status().code();
}

// A fresh backend for each test, and words to talk about files in. Whatever goes wrong in them
// fails the test.
class BackendConformanceTest : public testing::TestWithParam<BackendFactory> {
 protected:
  void SetUp() override;

  Backend& backend() { return *backend_; }
  void DropBackend() { backend_.reset(); }

  // A file that may be there already; a new file with these contents; a file that others named.
  std::unique_ptr<File> OpenFile(absl::string_view name, OpenMode mode = OpenMode::kCreate);
  std::unique_ptr<File> Create(absl::string_view name, absl::string_view contents);
  std::unique_ptr<File> OpenForeign(absl::string_view name, OpenMode mode);

  static void Write(File& file, uint64_t offset, absl::string_view bytes);
  static std::string Read(File& file, uint64_t offset, size_t length);
  static std::string ReadAll(File& file);

  static MappedRegion Map(File& file, uint64_t offset, uint64_t length,
                          MapMode mode = MapMode::kReadOnly);
  static std::string Text(const MappedRegion& region);
  static void Store(MappedRegion& region, size_t offset, absl::string_view bytes);

  // Bytes in which every position can be told from its neighbours, and every page from the others.
  static std::string Pattern(size_t length);

 private:
  std::unique_ptr<File> FileOr(absl::StatusOr<std::unique_ptr<File>> file);

  std::shared_ptr<Backend> backend_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_TESTING_CONFORMANCE_SUITE_H_
