#include "numpack/backends/win32_mmap/win32_error.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_name.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

struct Row {
  DWORD error;
  absl::StatusCode code;
  int c_error;
};

// Not in the headers of every compiler.
constexpr DWORD kFileSystemLimitation = 665;
constexpr DWORD kStoppedOnSymlink = 681;
constexpr DWORD kDiskQuotaExceeded = 1295;

constexpr Row kTable[] = {
    {ERROR_FILE_NOT_FOUND, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_PATH_NOT_FOUND, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_INVALID_DRIVE, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_BAD_NETPATH, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_BAD_NET_NAME, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_DELETE_PENDING, absl::StatusCode::kNotFound, ENOENT},
    {ERROR_FILE_EXISTS, absl::StatusCode::kAlreadyExists, EEXIST},
    {ERROR_ALREADY_EXISTS, absl::StatusCode::kAlreadyExists, EEXIST},
    {ERROR_INVALID_NAME, absl::StatusCode::kInvalidArgument, EINVAL},
    {ERROR_BAD_PATHNAME, absl::StatusCode::kInvalidArgument, EINVAL},
    {ERROR_FILENAME_EXCED_RANGE, absl::StatusCode::kInvalidArgument, ENAMETOOLONG},
    {ERROR_DISK_FULL, absl::StatusCode::kResourceExhausted, ENOSPC},
    {ERROR_HANDLE_DISK_FULL, absl::StatusCode::kResourceExhausted, ENOSPC},
    {kDiskQuotaExceeded, absl::StatusCode::kResourceExhausted, ENOSPC},
    {ERROR_FILE_TOO_LARGE, absl::StatusCode::kResourceExhausted, EFBIG},
    {kFileSystemLimitation, absl::StatusCode::kResourceExhausted, EFBIG},
    {ERROR_TOO_MANY_OPEN_FILES, absl::StatusCode::kResourceExhausted, EMFILE},
    {ERROR_NOT_ENOUGH_MEMORY, absl::StatusCode::kResourceExhausted, ENOMEM},
    {ERROR_OUTOFMEMORY, absl::StatusCode::kResourceExhausted, ENOMEM},
    {ERROR_COMMITMENT_LIMIT, absl::StatusCode::kResourceExhausted, ENOMEM},
    {ERROR_NO_SYSTEM_RESOURCES, absl::StatusCode::kResourceExhausted, ENOMEM},
    {ERROR_NOT_ENOUGH_QUOTA, absl::StatusCode::kResourceExhausted, ENOMEM},
    {ERROR_ACCESS_DENIED, absl::StatusCode::kPermissionDenied, EACCES},
    // Somebody has it open and shares it with nobody: a virus scanner, a backup, an editor.
    {ERROR_SHARING_VIOLATION, absl::StatusCode::kPermissionDenied, EACCES},
    {ERROR_CANNOT_MAKE, absl::StatusCode::kPermissionDenied, EACCES},
    {ERROR_NETWORK_ACCESS_DENIED, absl::StatusCode::kPermissionDenied, EACCES},
    {ERROR_PRIVILEGE_NOT_HELD, absl::StatusCode::kPermissionDenied, EPERM},
    {ERROR_WRITE_PROTECT, absl::StatusCode::kPermissionDenied, EROFS},
    {ERROR_LOCK_VIOLATION, absl::StatusCode::kUnavailable, EAGAIN},
    {ERROR_USER_MAPPED_FILE, absl::StatusCode::kFailedPrecondition, EBUSY},
    {ERROR_DIRECTORY, absl::StatusCode::kFailedPrecondition, ENOTDIR},
    {kStoppedOnSymlink, absl::StatusCode::kFailedPrecondition, ELOOP},
    {ERROR_CANT_RESOLVE_FILENAME, absl::StatusCode::kFailedPrecondition, ELOOP},
    {ERROR_IO_DEVICE, absl::StatusCode::kDataLoss, EIO},
    {ERROR_CRC, absl::StatusCode::kDataLoss, EIO},
    {ERROR_SEEK, absl::StatusCode::kDataLoss, EIO},
    {ERROR_SECTOR_NOT_FOUND, absl::StatusCode::kDataLoss, EIO},
    {ERROR_WRITE_FAULT, absl::StatusCode::kDataLoss, EIO},
    {ERROR_READ_FAULT, absl::StatusCode::kDataLoss, EIO},
    {ERROR_GEN_FAILURE, absl::StatusCode::kDataLoss, EIO},
    {ERROR_NOT_READY, absl::StatusCode::kDataLoss, EIO},
    {ERROR_DEV_NOT_EXIST, absl::StatusCode::kDataLoss, EIO},
    {ERROR_NETNAME_DELETED, absl::StatusCode::kDataLoss, EIO},
    {ERROR_UNEXP_NET_ERR, absl::StatusCode::kDataLoss, EIO},
    {ERROR_DISK_OPERATION_FAILED, absl::StatusCode::kDataLoss, EIO},
    {ERROR_FILE_CORRUPT, absl::StatusCode::kDataLoss, EIO},
    {ERROR_DISK_CORRUPT, absl::StatusCode::kDataLoss, EIO},
    {ERROR_DEVICE_NOT_CONNECTED, absl::StatusCode::kDataLoss, EIO},
    {ERROR_DEVICE_REMOVED, absl::StatusCode::kDataLoss, EIO},
};

// In the user's language, as the system's own programs say it.
std::string WordsOf(DWORD error) {
  wchar_t words[512];
  const DWORD length =
      FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, error, 0,
                     words, static_cast<DWORD>(std::size(words)), nullptr);
  std::string text = WideToUtf8({words, length});
  absl::StripTrailingAsciiWhitespace(&text);
  return text.empty() ? "the system has no words for it" : text;
}

}  // namespace

absl::Status Win32ErrorToStatus(Win32Error error, absl::string_view action,
                                absl::string_view object) {
  const Row* const row = std::find_if(std::begin(kTable), std::end(kTable),
                                      [error](const Row& r) { return r.error == error; });
  const bool known = row != std::end(kTable);
  absl::Status status(
      known ? row->code : absl::StatusCode::kInternal,
      absl::StrCat(action, " ", object, ": ", WordsOf(error), " (Windows error ", error, ")"));
  if (known) SetErrno(status, row->c_error);
  return status;
}

}  // namespace numpack
