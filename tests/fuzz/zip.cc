// Directories of zip archives: members lie within the file, and together they take no more memory
// than the file has bytes, times a small number.

#include "cli/zip.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>  // NOLINT(build/c++17): the reader takes files by their names
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/files.h"

namespace {

// One file, written again for each input.
const std::string& TemporaryPath() {
  static const auto* const path =
      new std::string((std::filesystem::temp_directory_path() /
                       ("fuzz_zip_" + std::to_string(std::random_device()())))
                          .string());
  return *path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::cli::InputFile;
  using numpack::cli::ZipMember;
  {
    std::ofstream out(TemporaryPath(), std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    if (!out.flush()) std::abort();
  }
  absl::StatusOr<std::vector<ZipMember>> members;
  {
    absl::StatusOr<InputFile> file = InputFile::Open(TemporaryPath());
    if (!file.ok() || file->size() != size) std::abort();
    members = numpack::cli::ReadZipDirectory(*file);
  }
  std::filesystem::remove(TemporaryPath());  // closed by now, as Windows wants it
  if (!members.ok()) return 0;
  size_t names = 0;
  for (const ZipMember& member : *members) {
    if (member.offset > size || member.bytes > size - member.offset) std::abort();
    names += member.name.size();
  }
  if (names > size) std::abort();
  return 0;
}
