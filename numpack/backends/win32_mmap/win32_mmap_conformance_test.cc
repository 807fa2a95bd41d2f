#include <filesystem>  // NOLINT(build/c++17): tests only
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/testing/conformance_suite.h"
#include "numpack/backends/win32_mmap/temp_directory.h"
#include "numpack/backends/win32_mmap/win32_mmap_backend.h"
#include "numpack/backends/without_mappings.h"

namespace numpack {
namespace {

std::shared_ptr<Backend> OpenAt(const std::string& path) {
  absl::StatusOr<std::shared_ptr<Backend>> backend = OpenWin32MmapBackend(path);
  EXPECT_TRUE(backend.ok()) << backend.status();
  return backend.ok() ? *std::move(backend) : nullptr;
}

BackendFactory Win32Factory() {
  BackendFactory factory;
  factory.name = "Win32Mmap";
  const auto directories = std::make_shared<TempDirectory>();  // holds one for each backend
  factory.make_new = [directories, number = std::make_shared<int>(0)] {
    return OpenAt(*directories / std::to_string(++*number));
  };
  factory.reopen = [](Backend& backend) { return OpenAt(backend.Describe()); };
  factory.add_foreign_file = [](Backend& backend, const std::string& name) {
    const std::filesystem::path path = TempDirectory::Path(backend.Describe() + "/" + name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "foreign";
  };
  factory.capabilities.mappings = true;
  factory.capabilities.shared_mappings = true;
  factory.capabilities.process_locks = true;
  factory.capabilities.durable_sync = true;
  factory.capabilities.foreign_files = true;
  factory.truncates_behind_mappings = false;
  return factory;
}

// The same files, used without mappings.
BackendFactory UnmappedFactory() {
  BackendFactory factory = Win32Factory();
  factory.name = "Win32Unmapped";
  factory.make_new = [make = factory.make_new] { return WithoutMappings(make()); };
  factory.reopen = [](Backend& backend) { return WithoutMappings(OpenAt(backend.Describe())); };
  factory.capabilities.mappings = factory.capabilities.shared_mappings = false;
  return factory;
}

INSTANTIATE_TEST_SUITE_P(Win32Unmapped, BackendConformanceTest, testing::Values(UnmappedFactory()));

INSTANTIATE_TEST_SUITE_P(Win32Mmap, BackendConformanceTest, testing::Values(Win32Factory()));

}  // namespace
}  // namespace numpack
