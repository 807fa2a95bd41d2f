// Names and paths: UTF-8 outside, UTF-16 for Windows.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_NAME_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_NAME_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <string>
#include <string_view>  // wide ones, which Abseil does not have

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace numpack {

// InvalidArgument for what is not UTF-8.
absl::StatusOr<std::wstring> Utf8ToWide(absl::string_view text);

// Half a surrogate pair, which Windows allows in names, becomes U+FFFD.
std::string WideToUtf8(std::wstring_view text);

// The absolute path in the form that may be longer than 260 characters and of which nothing is
// interpreted any more: \\?\C:\folder, or \\?\UNC\server\share\folder. No backslash at its end,
// except for the root of a drive. InvalidArgument for an empty path, a zero byte, what is not
// UTF-8, and devices.
absl::StatusOr<std::wstring> AbsolutePath(absl::string_view path);

// <directory>\<name>. A slash in the name separates a folder, as everywhere in backend.h.
std::wstring JoinPath(const std::wstring& directory, std::wstring name);

// The part of the path above its last name; empty for a root.
std::wstring ParentOf(const std::wstring& path);

// UTF-16 of a name that ValidateForeignName has accepted; InvalidArgument for what no Windows
// program could put there: not UTF-8, control characters, any of <>:"\|?*, a dot or a space at the
// end of a part.
absl::StatusOr<std::wstring> ForeignNameToWide(absl::string_view name);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_NAME_H_
