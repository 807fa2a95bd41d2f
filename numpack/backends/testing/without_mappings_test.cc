// The backend that does without mappings: it passes the conformance suite; and how it is found out
// that one has to.

#include "numpack/backends/without_mappings.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/handing_on.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/conformance_suite.h"
#include "numpack/backends/testing/fault_injecting_backend.h"

namespace numpack {
namespace {

BackendFactory UnmappedFactory() {
  BackendFactory factory;
  factory.name = "UnmappedMemory";
  factory.make_new = [] { return WithoutMappings(NewMemoryBackend()); };
  factory.capabilities.foreign_files = true;
  return factory;
}

INSTANTIATE_TEST_SUITE_P(UnmappedMemory, BackendConformanceTest,
                         testing::Values(UnmappedFactory()));

// Whose mappings are memory of their own: what is stored there never reaches the file.
class PrivateFile final : public HandingOnFile {
 public:
  using HandingOnFile::HandingOnFile;
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t length, MapMode mode) override {
    const auto other = NewMemoryBackend()->Open("other", OpenMode::kCreate);
    const absl::Status status = (*other)->Reserve(length);
    if (!status.ok()) return status;
    return (*other)->Map(0, length, mode);
  }
};

class PrivateBackend final : public HandingOnBackend {
 public:
  PrivateBackend() : HandingOnBackend(NewMemoryBackend()) {}
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    absl::StatusOr<std::unique_ptr<File>> file = HandingOnBackend::Open(name, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<PrivateFile>(*std::move(file));
  }
};

class MappingsWorkTest : public testing::Test {
 protected:
  void FailMaps(absl::Status status) {
    backend_->Count(
        [](const BackendCall& call) { return call.operation == BackendOperation::kMap; });
    backend_->FailFrom(1, std::move(status));
  }
  std::vector<std::string> Names() { return backend_->List().value(); }

  const std::shared_ptr<FaultInjectingBackend> backend_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
};

TEST_F(MappingsWorkTest, TriesAndLeavesNothing) {
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true));
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/false)) << "there is nothing to map";
  EXPECT_TRUE(Names().empty());
  EXPECT_EQ(UnmappedUnlessItWorks(backend_, true), backend_);
}

TEST_F(MappingsWorkTest, NoticesThatNothingCanBeMapped) {
  FailMaps(absl::InternalError("no such device"));
  EXPECT_FALSE(MappingsWork(*backend_, /*may_write=*/true));
  EXPECT_TRUE(Names().empty());
  ASSERT_TRUE((*backend_->Open("a", OpenMode::kCreate))->Reserve(1).ok());
  EXPECT_FALSE(MappingsWork(*backend_, /*may_write=*/false));
  for (const bool may_write : {true, false}) {
    EXPECT_FALSE(UnmappedUnlessItWorks(backend_, may_write)->capabilities().mappings);
  }
}

TEST_F(MappingsWorkTest, NoticesMappingsThatShowOtherBytes) {
  PrivateBackend incoherent;
  EXPECT_FALSE(MappingsWork(incoherent, /*may_write=*/true));
  EXPECT_TRUE(incoherent.List()->empty());
}

TEST_F(MappingsWorkTest, OtherTroubleIsNotTheMappings) {
  FailMaps(absl::ResourceExhaustedError("no memory"));
  EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true));
  backend_->Count([](const BackendCall& call) { return ChangesTheStore(call); });
  for (const absl::Status& status :
       {absl::PermissionDeniedError("not yours"), absl::ResourceExhaustedError("full")}) {
    backend_->FailFrom(1, status);
    EXPECT_TRUE(MappingsWork(*backend_, /*may_write=*/true)) << status;
  }
}

TEST_F(MappingsWorkTest, SharedMappingsAreNotTried) {
  BackendCapabilities capabilities = backend_->capabilities();
  capabilities.shared_mappings = true;
  backend_->OverrideCapabilities(capabilities);
  FailMaps(absl::InternalError("never called"));
  EXPECT_EQ(UnmappedUnlessItWorks(backend_, true), backend_);
  EXPECT_EQ(backend_->calls(), 0);
}

}  // namespace
}  // namespace numpack
