#include "python/numpack/native/session.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "python/numpack/native/status.h"

namespace numpack::python {

namespace {

std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(std::filesystem::u8path(path), error);
  return error ? path : absolute.u8string();
}

}  // namespace

Handle::Handle(NumPack opened, std::string opened_path)
    : store(std::move(opened)), path(std::move(opened_path)), absolute_path(Absolute(path)) {}

absl::Status ClosedError(absl::string_view path) {
  return PythonError("RuntimeError",
                     absl::StrCat("NumPack '", path, "' is not opened or has been closed"));
}

}  // namespace numpack::python
