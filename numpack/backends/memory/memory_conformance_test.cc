#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

BackendFactory MemoryFactory() {
  BackendFactory factory;
  factory.name = "Memory";
  factory.make_new = [] { return NewMemoryBackend(); };
  factory.capabilities.mappings = true;
  factory.capabilities.foreign_files = true;
  return factory;
}

INSTANTIATE_TEST_SUITE_P(Memory, BackendConformanceTest, testing::Values(MemoryFactory()));

}  // namespace
}  // namespace numpack
