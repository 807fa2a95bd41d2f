#include "numpack/backends/backend.h"

#include <cstddef>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace numpack {
namespace {

constexpr size_t kMaxLength = 64;

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

}  // namespace

absl::Status ValidateFileName(absl::string_view name) {
  if (name.empty()) return NameError(name, "it is empty");
  if (name.size() > kMaxLength) return NameError(name, "it has more than 64 characters");
  if (!absl::c_all_of(name, IsAllowed)) return NameError(name, "only a-z 0-9 . _ - are allowed");
  if (name.front() == '.') return NameError(name, "it starts with a dot");
  if (name.back() == '.') return NameError(name, "it ends with a dot");
  if (IsWindowsDevice(name)) return NameError(name, "Windows takes it for a device");
  return absl::OkStatus();
}

}  // namespace numpack
