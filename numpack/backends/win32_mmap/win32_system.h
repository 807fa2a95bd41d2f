// Calls of Windows that the backend makes in more than one place or has to put together, each with
// one meaning.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_SYSTEM_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_SYSTEM_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"

namespace numpack {

// The largest offset that LARGE_INTEGER, and so any call, can express.
inline constexpr uint64_t kMaxOffset = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// Functions that return Win32Error give ERROR_SUCCESS or what GetLastError() said.

// Opens with all sharing, or as `sharing` says. Handles are not inherited by child processes. What
// somebody else has open without sharing it, as virus scanners do for a moment, is tried again for
// a third of a second.
struct OpenRequest {
  DWORD access = GENERIC_READ;
  DWORD disposition = OPEN_EXISTING;
  DWORD flags = FILE_ATTRIBUTE_NORMAL;
  DWORD sharing = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
};
Win32Error OpenHandle(const std::wstring& path, const OpenRequest& request, Handle& handle);

// Whether there is a directory at `path`. Opening one as a file is "access denied" otherwise.
bool IsDirectory(const std::wstring& path);

// What an open file is to the system: volume and number, the same for every open of it.
using FileId = std::pair<uint64_t, std::array<uint8_t, 16>>;
Win32Error GetFileId(HANDLE file, FileId& id);

// Bytes of an open file.
Win32Error GetSize(HANDLE file, uint64_t& size);

// Sets the end of an open file.
Win32Error SetSize(HANDLE file, uint64_t size);

// Asks for space for `size` bytes; the end of the file stays where it is. ERROR_NOT_SUPPORTED where
// the file system has no such call.
Win32Error AllocateSpace(HANDLE file, uint64_t size);

// Writes zeros from `from` to `to`, which is what makes every file system find space.
Win32Error WriteZeros(HANDLE file, uint64_t from, uint64_t to);

// One write, at most 1 GiB of it; `written` may be less than `length`.
Win32Error WriteOnce(HANDLE file, uint64_t offset, const std::byte* from, size_t length,
                     size_t& written);

// Makes the contents, the size and the entry of an open file (or directory, opened for writing)
// durable.
Win32Error FlushBuffers(HANDLE file);

// Hands the changed pages of a mapping to the file system. FlushBuffers makes them durable.
Win32Error FlushView(const std::byte* start, size_t length);

// Starts reading pages into memory. A hint.
void Prefetch(std::byte* start, size_t length);

// Gives an open file another path (absolute) on its volume; ERROR_ALREADY_EXISTS when that is
// taken. Needs DELETE access.
Win32Error RenameHandle(HANDLE file, const std::wstring& path);

// Has the file removed when the last handle of it is closed. Needs DELETE access.
Win32Error RemoveOnClose(HANDLE file);

// The path of an open directory without links, in the form of AbsolutePath; empty where the system
// cannot tell.
std::wstring FinalPath(HANDLE directory);

// Whether the directory at `path`, in the form of AbsolutePath, is on a disk of this machine.
bool IsOnLocalVolume(const std::wstring& path);

// Bytes free for this user on the volume of the directory at `path`.
Win32Error FreeBytesAt(const std::wstring& path, uint64_t& bytes);

// Changes with every start of the machine, and with every logon of the user; empty when unknown.
// Windows documents no identity of a boot. So the first process to ask leaves a random one in a
// key of the registry that lives in memory only (REG_OPTION_VOLATILE).
std::string SystemBootId();

// Where views begin: 64 KiB everywhere so far. A power of two.
size_t AllocationGranularity();

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_SYSTEM_H_
