// Files that users name, anywhere: read at an offset, or written whole or not at all.
#ifndef NUMPACK_CLI_FILES_H_
#define NUMPACK_CLI_FILES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>  // NOLINT(build/c++17): files that no Backend can name
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace numpack::cli {

// Paths are UTF-8. Errors name the file. Neither class is thread-safe.
class InputFile {
 public:
  // NotFound; FailedPrecondition for a directory; PermissionDenied.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  // Fills `to`; OutOfRange when the file ends before.
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to);
  absl::Status ReadAt(uint64_t offset, std::string& to) {
    return ReadAt(offset, absl::MakeSpan(reinterpret_cast<std::byte*>(to.data()), to.size()));
  }

 private:
  std::string path_;
  uint64_t size_ = 0;
  std::ifstream stream_;
};

// Written beside its place under another name, and moved there by Commit; destroying it before that
// leaves nothing behind.
class OutputFile {
 public:
  // AlreadyExists when something is there, unless `replace`.
  static absl::StatusOr<OutputFile> Create(const std::string& path, bool replace);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  absl::Status Append(absl::Span<const std::byte> bytes);
  absl::Status Append(absl::string_view bytes) {
    return Append(
        absl::MakeConstSpan(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
  }
  // Changes bytes that were written.
  absl::Status WriteAt(uint64_t offset, absl::string_view bytes);
  absl::Status Commit();

 private:
  OutputFile() = default;

  std::string path_;
  std::filesystem::path temporary_;  // empty once moved
  uint64_t size_ = 0;
  std::ofstream stream_;
};

bool IsDirectory(const std::string& path);
bool Exists(const std::string& path);
// "w" for "/data/w.npy"; "npy".
std::string Stem(const std::string& path);
std::string Extension(const std::string& path);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_FILES_H_
