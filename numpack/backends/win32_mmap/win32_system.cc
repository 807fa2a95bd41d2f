#include "numpack/backends/win32_mmap/win32_system.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_name.h"

// Needs windows.h before it.
#include <bcrypt.h>

namespace numpack {
namespace {

constexpr DWORD kMaxTransfer = DWORD{1} << 30;

Win32Error ErrorOf(BOOL succeeded) {
  return succeeded != 0 ? Win32Error{ERROR_SUCCESS} : Win32Error{GetLastError()};
}

LARGE_INTEGER LargeInteger(uint64_t value) {
  LARGE_INTEGER result;
  result.QuadPart = static_cast<LONGLONG>(value);
  return result;
}

// A key of the registry. Closes itself.
class RegistryKey {
 public:
  RegistryKey() = default;
  RegistryKey(const RegistryKey&) = delete;
  RegistryKey& operator=(const RegistryKey&) = delete;
  ~RegistryKey() {
    if (key_ != nullptr) RegCloseKey(key_);
  }

  bool OpenVolatile(const wchar_t* path) {
    return RegCreateKeyExW(HKEY_CURRENT_USER, path, 0, nullptr, REG_OPTION_VOLATILE,
                           KEY_QUERY_VALUE | KEY_SET_VALUE, nullptr, &key_,
                           nullptr) == ERROR_SUCCESS;
  }
  bool Read(const wchar_t* name, std::array<char, 16>& bytes) const {
    DWORD type = 0;
    DWORD size = static_cast<DWORD>(bytes.size());
    return RegQueryValueExW(key_, name, nullptr, &type, reinterpret_cast<BYTE*>(bytes.data()),
                            &size) == ERROR_SUCCESS &&
           type == REG_BINARY && size == bytes.size();
  }
  bool Write(const wchar_t* name, const std::array<char, 16>& bytes) const {
    return RegSetValueExW(key_, name, 0, REG_BINARY, reinterpret_cast<const BYTE*>(bytes.data()),
                          static_cast<DWORD>(bytes.size())) == ERROR_SUCCESS;
  }

 private:
  HKEY key_ = nullptr;
};

}  // namespace

Win32Error OpenHandle(const std::wstring& path, const OpenRequest& request, Handle& handle) {
  constexpr int kTries = 8;
  for (int attempt = 0;; ++attempt) {
    handle = Handle(CreateFileW(path.c_str(), request.access, request.sharing, nullptr,
                                request.disposition, request.flags, nullptr));
    if (handle.valid()) return ERROR_SUCCESS;
    const DWORD error = GetLastError();
    if (error != ERROR_SHARING_VIOLATION || attempt == kTries) return error;
    Sleep(10 * static_cast<DWORD>(attempt));
  }
}

bool IsDirectory(const std::wstring& path) {
  const DWORD attributes = GetFileAttributesW(path.c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

Win32Error GetFileId(HANDLE file, FileId& id) {
  FILE_ID_INFO info;
  if (GetFileInformationByHandleEx(file, FileIdInfo, &info, sizeof(info)) != 0) {
    static_assert(sizeof(info.FileId) == sizeof(id.second));
    id.first = info.VolumeSerialNumber;
    std::memcpy(id.second.data(), &info.FileId, id.second.size());
    return ERROR_SUCCESS;
  }
  // File systems that know numbers of 64 bits only.
  BY_HANDLE_FILE_INFORMATION old_info;
  if (GetFileInformationByHandle(file, &old_info) == 0) return GetLastError();
  id.first = old_info.dwVolumeSerialNumber;
  id.second.fill(0);
  std::memcpy(id.second.data(), &old_info.nFileIndexLow, sizeof(DWORD));
  std::memcpy(id.second.data() + sizeof(DWORD), &old_info.nFileIndexHigh, sizeof(DWORD));
  return ERROR_SUCCESS;
}

Win32Error GetSize(HANDLE file, uint64_t& size) {
  LARGE_INTEGER result;
  if (GetFileSizeEx(file, &result) == 0) return GetLastError();
  size = static_cast<uint64_t>(result.QuadPart);
  return ERROR_SUCCESS;
}

Win32Error SetSize(HANDLE file, uint64_t size) {
  FILE_END_OF_FILE_INFO info;
  info.EndOfFile = LargeInteger(size);
  const Win32Error error =
      ErrorOf(SetFileInformationByHandle(file, FileEndOfFileInfo, &info, sizeof(info)));
  // What file systems say to a size that they cannot have.
  return error == ERROR_INVALID_PARAMETER ? Win32Error{ERROR_FILE_TOO_LARGE} : error;
}

Win32Error AllocateSpace(HANDLE file, uint64_t size) {
  FILE_ALLOCATION_INFO info;
  info.AllocationSize = LargeInteger(size);
  const Win32Error error =
      ErrorOf(SetFileInformationByHandle(file, FileAllocationInfo, &info, sizeof(info)));
  switch (error) {
    case ERROR_CALL_NOT_IMPLEMENTED:  // Wine
    case ERROR_INVALID_FUNCTION:
    case ERROR_INVALID_PARAMETER:
      return ERROR_NOT_SUPPORTED;
    default:
      return error;
  }
}

Win32Error WriteZeros(HANDLE file, uint64_t from, uint64_t to) {
  static constexpr std::array<std::byte, 64 * 1024> kZeros = {};
  while (from < to) {
    size_t written = 0;
    const size_t length = static_cast<size_t>(std::min<uint64_t>(kZeros.size(), to - from));
    const Win32Error error = WriteOnce(file, from, kZeros.data(), length, written);
    if (error != ERROR_SUCCESS) return error;
    from += written;
  }
  return ERROR_SUCCESS;
}

Win32Error WriteOnce(HANDLE file, uint64_t offset, const std::byte* from, size_t length,
                     size_t& written) {
  OVERLAPPED position = {};
  position.Offset = static_cast<DWORD>(offset);
  position.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD done = 0;
  const DWORD part = static_cast<DWORD>(std::min<size_t>(length, kMaxTransfer));
  if (WriteFile(file, from, part, &done, &position) == 0) return GetLastError();
  if (done == 0) return ERROR_DISK_FULL;
  written = done;
  return ERROR_SUCCESS;
}

Win32Error FlushBuffers(HANDLE file) { return ErrorOf(FlushFileBuffers(file)); }

Win32Error FlushView(const std::byte* start, size_t length) {
  // Refused for a moment while the system writes the same pages by itself.
  constexpr int kTries = 100;
  for (int attempt = 0;; ++attempt) {
    const Win32Error error = ErrorOf(FlushViewOfFile(start, length));
    if (error != ERROR_LOCK_VIOLATION || attempt == kTries) return error;
    Sleep(10);
  }
}

void Prefetch(std::byte* start, size_t length) {
  WIN32_MEMORY_RANGE_ENTRY range;
  range.VirtualAddress = start;
  range.NumberOfBytes = length;
  static_cast<void>(PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0));
}

Win32Error RenameHandle(HANDLE file, const std::wstring& path) {
  const size_t bytes = path.size() * sizeof(wchar_t);
  // Zeroed: no replacing, no folder that the name is relative to, a zero behind the name.
  std::vector<std::byte> buffer(sizeof(FILE_RENAME_INFO) + bytes);
  auto* const info = reinterpret_cast<FILE_RENAME_INFO*>(buffer.data());
  info->FileNameLength = static_cast<DWORD>(bytes);
  std::memcpy(info->FileName, path.data(), bytes);
  return ErrorOf(
      SetFileInformationByHandle(file, FileRenameInfo, info, static_cast<DWORD>(buffer.size())));
}

Win32Error RemoveOnClose(HANDLE file) {
  FILE_DISPOSITION_INFO info;
  info.DeleteFile = TRUE;
  return ErrorOf(SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof(info)));
}

std::wstring FinalPath(HANDLE directory) {
  std::wstring path;
  for (DWORD needed = MAX_PATH; needed > path.size();) {  // counts a zero when it does not fit
    path.resize(needed);
    needed = GetFinalPathNameByHandleW(directory, &path[0], static_cast<DWORD>(path.size()),
                                       FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
    if (needed < path.size()) {
      path.resize(needed);  // nothing, when it failed
      break;
    }
  }
  return path;
}

bool IsOnLocalVolume(const std::wstring& path) {
  // \\?\C:\folder. Network shares are \\?\UNC\server\share, also behind a drive letter.
  constexpr size_t kPrefix = 4;
  if (path.size() < kPrefix + 3 || path[kPrefix + 1] != L':') return false;
  switch (GetDriveTypeW(path.substr(kPrefix, 3).c_str())) {
    case DRIVE_FIXED:
    case DRIVE_REMOVABLE:
    case DRIVE_RAMDISK:
    case DRIVE_CDROM:
      return true;
    default:
      return false;
  }
}

Win32Error FreeBytesAt(const std::wstring& path, uint64_t& bytes) {
  ULARGE_INTEGER available;
  if (GetDiskFreeSpaceExW(path.c_str(), &available, nullptr, nullptr) == 0) return GetLastError();
  bytes = available.QuadPart;
  return ERROR_SUCCESS;
}

std::string SystemBootId() {
  constexpr wchar_t kValue[] = L"Boot";
  std::array<char, 16> id;
  RegistryKey key;
  if (!key.OpenVolatile(L"Software\\NumPackBoot")) return "";
  if (!key.Read(kValue, id)) {
    if (BCryptGenRandom(nullptr, reinterpret_cast<PUCHAR>(id.data()), static_cast<ULONG>(id.size()),
                        BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0) {
      return "";
    }
    // Of two processes that do this at once one will find the other's: that looks like a restart,
    // which is never wrong.
    if (!key.Write(kValue, id) || !key.Read(kValue, id)) return "";
  }
  // As other systems write theirs.
  const std::string digits = absl::BytesToHexString(absl::string_view(id.data(), id.size()));
  return absl::StrCat(digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-",
                      digits.substr(16, 4), "-", digits.substr(20));
}

size_t AllocationGranularity() {
  static const size_t kGranularity = [] {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return static_cast<size_t>(info.dwAllocationGranularity);
  }();
  return kGranularity;
}

}  // namespace numpack
