#include "numpack/backends/win32_mmap/win32_directory.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_name.h"
#include "numpack/backends/win32_mmap/win32_removal.h"
#include "numpack/backends/win32_mmap/win32_system.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// Not shared for deletion: the paths of its files stay what they are. Listing counts as reading,
// without which sharing is not looked at.
Win32Error TryOpen(const std::wstring& path, Handle& handle) {
  OpenRequest request;
  request.access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE;
  request.flags = FILE_FLAG_BACKUP_SEMANTICS;  // which is what opens directories
  request.sharing = FILE_SHARE_READ | FILE_SHARE_WRITE;
  return OpenHandle(path, request, handle);
}

bool IsMissing(Win32Error error) {
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

absl::Status NoDirectoryError(const std::string& description) {
  return absl::FailedPreconditionError(absl::StrCat(description, " is not a directory"));
}

// Makes one directory and its entry in the parent durable. Someone else may make it at the same
// time.
absl::Status MakeOne(const std::wstring& path) {
  const std::string description = WideToUtf8(path);
  if (CreateDirectoryW(path.c_str(), nullptr) == 0) {
    const DWORD error = GetLastError();
    if (error != ERROR_ALREADY_EXISTS)
      return Win32ErrorToStatus(error, "cannot make directory", description);
    return IsDirectory(path) ? absl::OkStatus() : NoDirectoryError(description);
  }
  const std::wstring parent = ParentOf(path);
  const absl::Status synced = SyncEntries(parent, WideToUtf8(parent));
  // Making folders where one may make no files is allowed; syncing them is not.
  return absl::IsPermissionDenied(synced) ? absl::OkStatus() : synced;
}

// Makes `path` and what is missing above it.
absl::Status MakeAll(const std::wstring& path) {
  std::vector<std::wstring> missing = {path};
  for (;;) {
    std::wstring parent = ParentOf(missing.back());
    if (parent.empty() || GetFileAttributesW(parent.c_str()) != INVALID_FILE_ATTRIBUTES) {
      if (!parent.empty() && !IsDirectory(parent)) return NoDirectoryError(WideToUtf8(parent));
      break;
    }
    if (!IsMissing(GetLastError())) break;
    missing.push_back(std::move(parent));
  }
  for (; !missing.empty(); missing.pop_back()) NUMPACK_RETURN_IF_ERROR(MakeOne(missing.back()));
  return absl::OkStatus();
}

bool IsPlainFile(const WIN32_FIND_DATAW& entry) {
  if ((entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return false;
  // Files that are compressed, or fetched when read, are reparse points too; links are surrogates.
  return (entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 ||
         !IsReparseTagNameSurrogate(entry.dwReserved0);
}

}  // namespace

absl::StatusOr<Handle> OpenDirectory(const std::string& path, bool create) {
  NUMPACK_ASSIGN_OR_RETURN(const std::wstring absolute, AbsolutePath(path));
  Handle directory;
  Win32Error error = TryOpen(absolute, directory);
  if (IsMissing(error) && create) {
    NUMPACK_RETURN_IF_ERROR(MakeAll(absolute));
    error = TryOpen(absolute, directory);
  }
  if (error != ERROR_SUCCESS) return Win32ErrorToStatus(error, "cannot open directory", path);
  BY_HANDLE_FILE_INFORMATION info;
  if (GetFileInformationByHandle(directory.get(), &info) == 0)
    return Win32ErrorToStatus(GetLastError(), "cannot open directory", path);
  if ((info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0) return NoDirectoryError(path);
  return directory;
}

absl::Status SyncEntries(const std::wstring& path, const std::string& description) {
  OpenRequest request;
  request.access = FILE_ADD_FILE | SYNCHRONIZE;  // flushing needs a right to write
  request.flags = FILE_FLAG_BACKUP_SEMANTICS;
  Handle directory;
  Win32Error error = OpenHandle(path, request, directory);
  if (error == ERROR_SUCCESS) error = FlushBuffers(directory.get());
  return error == ERROR_SUCCESS ? absl::OkStatus()
                                : Win32ErrorToStatus(error, "cannot sync directory", description);
}

absl::StatusOr<std::vector<std::string>> ListPlainFiles(const std::wstring& path,
                                                        const std::string& description) {
  std::vector<std::string> names;
  WIN32_FIND_DATAW entry;
  const HANDLE found = FindFirstFileExW(JoinPath(path, L"*").c_str(), FindExInfoBasic, &entry,
                                        FindExSearchNameMatch, nullptr, FIND_FIRST_EX_LARGE_FETCH);
  DWORD error = GetLastError();
  if (found != INVALID_HANDLE_VALUE) {
    do {
      if (IsPlainFile(entry) && !IsRemovedName(entry.cFileName))
        names.push_back(WideToUtf8(entry.cFileName));
    } while (FindNextFileW(found, &entry) != 0);
    error = GetLastError();
    FindClose(found);
    if (error == ERROR_NO_MORE_FILES) return names;
  } else if (error == ERROR_FILE_NOT_FOUND && IsDirectory(path)) {
    return names;  // the root of an empty drive has no "."
  }
  return Win32ErrorToStatus(error, "cannot list directory", description);
}

}  // namespace numpack
