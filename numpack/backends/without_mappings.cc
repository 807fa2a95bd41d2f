#include "numpack/backends/without_mappings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/handing_on.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/base/process.h"

namespace numpack {
namespace {

class UnmappedFile final : public HandingOnFile {
 public:
  using HandingOnFile::HandingOnFile;
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t, MapMode) override {
    return absl::UnimplementedError(
        absl::StrCat(description(), " is not mapped: the store is used without mappings"));
  }
};

class UnmappedBackend final : public HandingOnBackend {
 public:
  using HandingOnBackend::HandingOnBackend;
  BackendCapabilities capabilities() const override {
    BackendCapabilities capabilities = HandingOnBackend::capabilities();
    capabilities.mappings = capabilities.shared_mappings = false;
    return capabilities;
  }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    return Unmapped(HandingOnBackend::Open(name, mode));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    return Unmapped(HandingOnBackend::OpenForeign(name, mode));
  }

 private:
  static absl::StatusOr<std::unique_ptr<File>> Unmapped(
      absl::StatusOr<std::unique_ptr<File>> file) {
    if (!file.ok()) return file;
    return std::make_unique<UnmappedFile>(*std::move(file));
  }
};

constexpr size_t kProbeBytes = 4096;

// That there is no memory for the mapping says nothing about the file.
bool MeansNoMappings(const absl::Status& status) {
  return !status.ok() && !absl::IsResourceExhausted(status);
}

// Whether what is stored through a mapping is read, and what is written is seen through it.
bool ShowsTheSameBytes(File& file) {
  const std::vector<std::byte> zeros(kProbeBytes);
  if (!file.WriteAt(0, zeros).ok()) return true;
  absl::StatusOr<MappedRegion> region = file.Map(0, kProbeBytes, MapMode::kReadWrite);
  if (!region.ok()) return !MeansNoMappings(region.status());
  volatile std::byte* const mapped = region->data();
  constexpr std::byte kMark{0x5a};
  mapped[100] = kMark;
  std::byte read{};
  if (!file.WriteAt(200, absl::MakeConstSpan(&kMark, 1)).ok()) return true;
  return file.ReadAt(100, absl::MakeSpan(&read, 1)).ok() && read == kMark && mapped[200] == kMark &&
         region->Flush().ok();
}

bool WritableMappingsWork(Backend& backend) {
  // A name of its own: two processes that try at once must not see each other's bytes.
  const std::string name = absl::StrCat("probe.", ProcessId(), ".", absl::GetCurrentTimeNanos());
  bool works = true;
  {
    const absl::StatusOr<std::unique_ptr<File>> file = backend.Open(name, OpenMode::kCreateNew);
    if (!file.ok()) return true;
    works = ShowsTheSameBytes(**file);
  }
  backend.Remove(name).IgnoreError();
  return works;
}

bool ReadOnlyMappingsWork(Backend& backend) {
  const absl::StatusOr<std::vector<std::string>> names = backend.List();
  if (!names.ok()) return true;
  for (const std::string& name : *names) {
    if (!ValidateFileName(name).ok()) continue;
    const absl::StatusOr<std::unique_ptr<File>> file = backend.Open(name, OpenMode::kReadOnly);
    if (!file.ok() || (*file)->Size().value_or(0) == 0) continue;
    return !MeansNoMappings((*file)->Map(0, 1, MapMode::kReadOnly).status());
  }
  return true;
}

}  // namespace

std::shared_ptr<Backend> WithoutMappings(std::shared_ptr<Backend> backend) {
  return std::make_shared<UnmappedBackend>(std::move(backend));
}

bool MappingsWork(Backend& backend, bool may_write) {
  return may_write ? WritableMappingsWork(backend) : ReadOnlyMappingsWork(backend);
}

std::shared_ptr<Backend> UnmappedUnlessItWorks(std::shared_ptr<Backend> backend, bool may_write) {
  const BackendCapabilities claimed = backend->capabilities();
  const bool in_doubt = claimed.mappings && !claimed.shared_mappings;
  if (!in_doubt || MappingsWork(*backend, may_write)) return backend;
  return WithoutMappings(std::move(backend));
}

}  // namespace numpack
