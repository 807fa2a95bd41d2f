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
#include "numpack/backends/mapped_region.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

class UnmappedFile final : public File {
 public:
  explicit UnmappedFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}

  const std::string& description() const override { return inner_->description(); }
  absl::StatusOr<uint64_t> Size() override { return inner_->Size(); }
  absl::Status Reserve(uint64_t size) override { return inner_->Reserve(size); }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    return inner_->ReadAt(offset, to);
  }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    return inner_->WriteAt(offset, pieces);
  }
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t, MapMode) override {
    return absl::UnimplementedError(
        absl::StrCat(description(), " is not mapped: the store is used without mappings"));
  }
  absl::Status Sync() override { return inner_->Sync(); }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    return inner_->Lock(offset, length, kind, max_wait);
  }
  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    return inner_->Unlock(offset, length);
  }

 private:
  const std::unique_ptr<File> inner_;
};

class UnmappedBackend final : public Backend {
 public:
  explicit UnmappedBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  BackendCapabilities capabilities() const override {
    BackendCapabilities capabilities = inner_->capabilities();
    capabilities.mappings = capabilities.shared_mappings = false;
    return capabilities;
  }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, inner_->Open(name, mode));
    return std::make_unique<UnmappedFile>(std::move(file));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, inner_->OpenForeign(name, mode));
    return std::make_unique<UnmappedFile>(std::move(file));
  }
  absl::StatusOr<std::vector<std::string>> List() override { return inner_->List(); }
  absl::Status Remove(absl::string_view name) override { return inner_->Remove(name); }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    return inner_->Rename(from, to);
  }
  absl::Status SyncDirectory() override { return inner_->SyncDirectory(); }
  absl::Status CheckPresent() override { return inner_->CheckPresent(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return inner_->FreeSpace(); }
  std::string BootId() override { return inner_->BootId(); }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  const std::shared_ptr<Backend> inner_;
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
