#include "numpack/backends/win32_mmap/win32_name.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

constexpr std::wstring_view kLong = L"\\\\?\\";
constexpr std::wstring_view kLongNetwork = L"\\\\?\\UNC\\";
constexpr std::wstring_view kDevice = L"\\\\.\\";
constexpr std::wstring_view kNetwork = L"\\\\";

bool StartsWith(std::wstring_view text, std::wstring_view start) {
  return text.substr(0, start.size()) == start;
}

// "\\?\C:\" and nothing behind it, whose backslash belongs to it.
bool IsDriveRoot(std::wstring_view path) {
  return path.size() == kLong.size() + 3 && path[kLong.size() + 1] == L':';
}

absl::StatusOr<std::wstring> FullPath(const std::wstring& path, absl::string_view text) {
  std::wstring full;
  for (DWORD needed = MAX_PATH; needed > full.size();) {  // counts a zero when it does not fit
    full.resize(needed);
    needed = GetFullPathNameW(path.c_str(), static_cast<DWORD>(full.size()), &full[0], nullptr);
    if (needed == 0) return Win32ErrorToStatus(GetLastError(), "cannot make absolute", text);
    if (needed < full.size()) {
      full.resize(needed);
      break;
    }
  }
  return full;
}

}  // namespace

absl::StatusOr<std::wstring> Utf8ToWide(absl::string_view text) {
  if (text.empty()) return std::wstring();
  if (text.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    return absl::InvalidArgumentError("a name of more than 2 GiB");
  const int bytes = static_cast<int>(text.size());
  const int length =
      MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), bytes, nullptr, 0);
  if (length <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text.substr(0, 64)), "\" is not valid UTF-8"));
  }
  std::wstring wide(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), bytes, &wide[0], length);
  return wide;
}

std::string WideToUtf8(std::wstring_view text) {
  const int units =
      static_cast<int>(std::min(text.size(), static_cast<size_t>(std::numeric_limits<int>::max())));
  if (units == 0) return "";
  const int length =
      WideCharToMultiByte(CP_UTF8, 0, text.data(), units, nullptr, 0, nullptr, nullptr);
  std::string utf8(static_cast<size_t>(std::max(length, 0)), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text.data(), units, &utf8[0], length, nullptr, nullptr);
  return utf8;
}

absl::StatusOr<std::wstring> AbsolutePath(absl::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("the path of the directory is empty");
  if (path.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("the path of the directory has a zero byte in it");
  }
  NUMPACK_ASSIGN_OR_RETURN(std::wstring full, Utf8ToWide(path));
  if (!StartsWith(full, kLong)) {
    NUMPACK_ASSIGN_OR_RETURN(full, FullPath(full, path));
    if (StartsWith(full, kDevice)) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is a device"));
    }
    if (StartsWith(full, kNetwork)) {
      full.replace(0, kNetwork.size(), kLongNetwork);
    } else {
      full.insert(0, kLong);
    }
  }
  while (full.back() == L'\\' && full.size() > kLong.size() && !IsDriveRoot(full)) full.pop_back();
  return full;
}

std::wstring JoinPath(const std::wstring& directory, std::wstring name) {
  std::replace(name.begin(), name.end(), L'/', L'\\');
  std::wstring path = directory;
  if (path.empty() || path.back() != L'\\') path += L'\\';
  path += name;
  return path;
}

std::wstring ParentOf(const std::wstring& path) {
  if (IsDriveRoot(path)) return L"";
  const size_t slash = path.find_last_of(L'\\');
  if (slash == std::wstring::npos || slash < kLong.size()) return L"";
  std::wstring parent = path.substr(0, slash);
  if (IsDriveRoot(parent + L'\\')) parent += L'\\';
  return parent;
}

absl::StatusOr<std::wstring> ForeignNameToWide(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(std::wstring wide, Utf8ToWide(name));
  const bool impossible = std::any_of(wide.begin(), wide.end(), [](wchar_t c) {
    return c < 32 || std::wstring_view(L"<>:\"\\|?*").find(c) != std::wstring_view::npos;
  });
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  const bool vanishing = std::any_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return !part.empty() && (part.back() == '.' || part.back() == ' ');
  });
  if (impossible || vanishing) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(name), "\" cannot be a file name on Windows"));
  }
  return wide;
}

}  // namespace numpack
