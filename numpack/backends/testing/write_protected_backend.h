// WriteProtectedBackend: a directory as somebody sees it who may read it and not write.
//
// Root may write everywhere, so tests cannot just take the permission away. Opening a file for
// writing, making, renaming and removing one, is PermissionDenied, as it is under another user's
// directory; and it is counted, so that a test can show that nobody even tried.
#ifndef NUMPACK_BACKENDS_TESTING_WRITE_PROTECTED_BACKEND_H_
#define NUMPACK_BACKENDS_TESTING_WRITE_PROTECTED_BACKEND_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace numpack {

// Thread-safe.
class WriteProtectedBackend final : public Backend {
 public:
  explicit WriteProtectedBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  // How often something was denied.
  int64_t denied() const { return denied_.load(); }

  BackendCapabilities capabilities() const override { return inner_->capabilities(); }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override { return inner_->List(); }
  absl::Status Remove(absl::string_view name) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name, OpenMode mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status SyncDirectory() override { return inner_->SyncDirectory(); }
  absl::Status CheckPresent() override { return inner_->CheckPresent(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return inner_->FreeSpace(); }
  std::string BootId() override { return inner_->BootId(); }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  absl::Status Deny(absl::string_view name);

  const std::shared_ptr<Backend> inner_;
  std::atomic<int64_t> denied_{0};
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_TESTING_WRITE_PROTECTED_BACKEND_H_
