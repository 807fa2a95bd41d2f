#include "numpack/backends/win32_mmap/win32_removal.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_name.h"
#include "numpack/backends/win32_mmap/win32_system.h"

namespace numpack {
namespace {

// With a character that ValidateFileName refuses, so that it is in nobody's way.
constexpr std::wstring_view kPrefix = L"~numpack-removed-";

std::wstring NextName() {
  static std::atomic<uint64_t> number{0};
  std::wstring name(kPrefix);
  name += std::to_wstring(GetCurrentProcessId());
  name += L'-';
  name += std::to_wstring(number.fetch_add(1, std::memory_order_relaxed));
  return name;
}

// Whether the file is gone, or will be once its last handle is closed.
bool Delete(const std::wstring& path) {
  return DeleteFileW(path.c_str()) != 0 || GetLastError() == ERROR_FILE_NOT_FOUND ||
         GetLastError() == ERROR_PATH_NOT_FOUND;
}

}  // namespace

bool IsRemovedName(std::wstring_view name) { return name.substr(0, kPrefix.size()) == kPrefix; }

Removals::Removals(std::wstring directory) : directory_(std::move(directory)) {}

Win32Error Removals::Remove(const std::wstring& name) {
  Sweep();
  OpenRequest request;
  request.access = DELETE | SYNCHRONIZE;
  request.flags = FILE_FLAG_OPEN_REPARSE_POINT;  // a link is removed, not what it leads to
  Handle file;
  Win32Error error = OpenHandle(JoinPath(directory_, name), request, file);
  if (error != ERROR_SUCCESS) return error;
  std::wstring path;
  do {  // a process that had this one's number may have left files
    path = JoinPath(directory_, NextName());
    error = RenameHandle(file.get(), path);
  } while (error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_EXISTS);
  if (error != ERROR_SUCCESS) return error;
  if (RemoveOnClose(file.get()) != ERROR_SUCCESS) {
    absl::MutexLock lock(&mutex_);
    pending_.push_back(std::move(path));
    pending_count_.store(pending_.size(), std::memory_order_relaxed);
  }
  return ERROR_SUCCESS;
}

void Removals::Sweep() {
  if (pending_count_.load(std::memory_order_relaxed) == 0) return;
  absl::MutexLock lock(&mutex_);
  pending_.erase(std::remove_if(pending_.begin(), pending_.end(), Delete), pending_.end());
  pending_count_.store(pending_.size(), std::memory_order_relaxed);
}

void Removals::SweepDirectory() {
  WIN32_FIND_DATAW entry;
  const std::wstring pattern = JoinPath(directory_, std::wstring(kPrefix) + L"*");
  const HANDLE found = FindFirstFileW(pattern.c_str(), &entry);
  if (found == INVALID_HANDLE_VALUE) return;
  do {
    // Others may be at it too, or have it mapped.
    static_cast<void>(Delete(JoinPath(directory_, entry.cFileName)));
  } while (FindNextFileW(found, &entry) != 0);
  FindClose(found);
}

}  // namespace numpack
