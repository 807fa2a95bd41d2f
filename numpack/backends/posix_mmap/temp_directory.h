// A new directory for one test, removed with all in it.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_TEMP_DIRECTORY_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_TEMP_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>  // NOLINT(build/c++17): tests only
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace numpack {

class TempDirectory {
 public:
  TempDirectory() : path_(testing::TempDir() + "/numpack_XXXXXX") {
    if (mkdtemp(&path_[0]) == nullptr)
      ADD_FAILURE() << "cannot make a directory in " << testing::TempDir();
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_TEMP_DIRECTORY_H_
