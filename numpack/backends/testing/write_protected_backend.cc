#include "numpack/backends/testing/write_protected_backend.h"

#include "absl/strings/str_cat.h"

namespace numpack {

absl::Status WriteProtectedBackend::Deny(absl::string_view name) {
  ++denied_;
  return absl::PermissionDeniedError(absl::StrCat(Describe(), "/", name, ": Permission denied"));
}

absl::StatusOr<std::unique_ptr<File>> WriteProtectedBackend::Open(absl::string_view name,
                                                                  OpenMode mode) {
  if (mode == OpenMode::kReadOnly) return inner_->Open(name, mode);
  if (mode == OpenMode::kCreateNew) return Deny(name);
  // What is not there is not found by who would only open it.
  absl::Status there = inner_->Open(name, OpenMode::kReadOnly).status();
  if (mode == OpenMode::kReadWrite && !there.ok()) return there;
  return Deny(name);
}

absl::Status WriteProtectedBackend::Remove(absl::string_view name) { return Deny(name); }

absl::StatusOr<std::unique_ptr<File>> WriteProtectedBackend::OpenForeign(absl::string_view name,
                                                                         OpenMode mode) {
  if (mode == OpenMode::kReadOnly) return inner_->OpenForeign(name, mode);
  absl::Status there = inner_->OpenForeign(name, OpenMode::kReadOnly).status();
  return there.ok() ? Deny(name) : there;
}

absl::Status WriteProtectedBackend::Rename(absl::string_view from, absl::string_view) {
  return Deny(from);
}

}  // namespace numpack
