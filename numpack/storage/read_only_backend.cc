#include "numpack/storage/read_only_backend.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "numpack/backends/file.h"

namespace numpack::storage {
namespace {

class ReadOnlyBackend final : public Backend {
 public:
  explicit ReadOnlyBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  BackendCapabilities capabilities() const override { return inner_->capabilities(); }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    if (Makes(mode)) return ReadOnlyError(Describe());
    return inner_->Open(name, OpenMode::kReadOnly);
  }
  absl::StatusOr<std::vector<std::string>> List() override { return inner_->List(); }
  absl::Status Remove(absl::string_view) override { return ReadOnlyError(Describe()); }
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    if (Makes(mode)) return ReadOnlyError(Describe());
    return inner_->OpenForeign(name, OpenMode::kReadOnly);
  }
  absl::Status Rename(absl::string_view, absl::string_view) override {
    return ReadOnlyError(Describe());
  }
  absl::Status SyncDirectory() override { return ReadOnlyError(Describe()); }
  absl::Status CheckPresent() override { return inner_->CheckPresent(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return inner_->FreeSpace(); }
  std::string BootId() override { return inner_->BootId(); }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  static bool Makes(OpenMode mode) {
    return mode != OpenMode::kReadOnly && mode != OpenMode::kReadWrite;
  }

  const std::shared_ptr<Backend> inner_;
};

}  // namespace

std::shared_ptr<Backend> NewReadOnlyBackend(std::shared_ptr<Backend> inner) {
  return std::make_shared<ReadOnlyBackend>(std::move(inner));
}

absl::Status ReadOnlyError(absl::string_view directory) {
  return absl::PermissionDeniedError(absl::StrCat(
      directory, " is open for reading only: to change it, open it without the option read_only"));
}

}  // namespace numpack::storage
