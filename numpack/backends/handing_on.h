// A backend and a file that hand every call on to another one: what wraps a backend derives from
// them, and overrides what it does otherwise. Errors, thread-safety: those of the other one.
#ifndef NUMPACK_BACKENDS_HANDING_ON_H_
#define NUMPACK_BACKENDS_HANDING_ON_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"

namespace numpack {

class HandingOnFile : public File {
 public:
  explicit HandingOnFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}

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
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override {
    return inner_->Map(offset, length, mode);
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

class HandingOnBackend : public Backend {
 public:
  explicit HandingOnBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  BackendCapabilities capabilities() const override { return inner_->capabilities(); }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    return inner_->Open(name, mode);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    return inner_->OpenForeign(name, mode);
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

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_HANDING_ON_H_
