// A new directory for one test, removed with all in it.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_TEMP_DIRECTORY_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_TEMP_DIRECTORY_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <filesystem>  // NOLINT(build/c++17): tests only
#include <string>
#include <system_error>

#include "gtest/gtest.h"
#include "numpack/base/process.h"

namespace numpack {

class TempDirectory {
 public:
  TempDirectory() {
    static int number = 0;
    std::error_code error;
    do {
      path_ = testing::TempDir() + "/numpack_" + std::to_string(ProcessId()) + "_" +
              std::to_string(++number);
    } while (!std::filesystem::create_directory(Path(path_), error) && !error);
    if (error) ADD_FAILURE() << "cannot make a directory in " << testing::TempDir();
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(Path(path_), ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // What std::filesystem takes, of UTF-8.
  static std::filesystem::path Path(const std::string& path) {
    return std::filesystem::u8path(path);
  }

 private:
  std::string path_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_TEMP_DIRECTORY_H_
