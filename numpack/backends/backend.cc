#include "numpack/backends/backend.h"

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/file.h"

namespace numpack {
namespace {

constexpr size_t kMaxLength = 64;
constexpr size_t kMaxForeignLength = 255;

bool IsAllowed(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '_' || c == '-';
}

// Names that Windows takes for a device, whatever extension follows: con, nul.txt, com1.
bool IsWindowsDevice(absl::string_view name) {
  const absl::string_view stem = name.substr(0, name.find('.'));
  if (stem == "con" || stem == "prn" || stem == "aux" || stem == "nul") return true;
  return stem.size() == 4 && absl::ascii_isdigit(stem[3]) &&
         (stem.substr(0, 3) == "com" || stem.substr(0, 3) == "lpt");
}

absl::Status NameError(absl::string_view name, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxLength)),
                                                 "\" cannot be a file name: ", reason));
}

absl::Status NoForeignFilesError(const Backend& backend) {
  return absl::UnimplementedError(absl::StrCat(
      backend.Describe(),
      ": this backend has no access to files that other programs named (foreign_files)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> Backend::OpenForeign(absl::string_view, OpenMode) {
  return NoForeignFilesError(*this);
}

absl::Status Backend::Rename(absl::string_view, absl::string_view) {
  return NoForeignFilesError(*this);
}

absl::Status ValidateFileName(absl::string_view name) {
  if (name.empty()) return NameError(name, "it is empty");
  if (name.size() > kMaxLength) return NameError(name, "it has more than 64 characters");
  if (!absl::c_all_of(name, IsAllowed)) return NameError(name, "only a-z 0-9 . _ - are allowed");
  if (name.front() == '.') return NameError(name, "it starts with a dot");
  if (name.back() == '.') return NameError(name, "it ends with a dot");
  if (IsWindowsDevice(name)) return NameError(name, "Windows takes it for a device");
  return absl::OkStatus();
}

absl::Status ValidateForeignName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() > 2) return NameError(name, "it lies deeper than one folder");
  for (const absl::string_view part : parts) {
    if (part.empty()) return NameError(name, "a part of it is empty");
    if (part == "." || part == "..") return NameError(name, "it leads out of the directory");
    if (part.size() > kMaxForeignLength) return NameError(name, "it has more than 255 bytes");
    if (part.find('\0') != absl::string_view::npos) return NameError(name, "it has a zero byte");
  }
  return absl::OkStatus();
}

}  // namespace numpack
