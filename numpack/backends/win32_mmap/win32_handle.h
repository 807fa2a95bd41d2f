// Handle: owns one handle of an open file or directory. Move-only; destroying it closes.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_HANDLE_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_HANDLE_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#include <utility>

#include "numpack/backends/win32_mmap/win32_api.h"

namespace numpack {

class Handle {
 public:
  Handle() = default;
  // Takes null for "none" too: some functions return that when they fail.
  explicit Handle(HANDLE handle) : handle_(handle == nullptr ? INVALID_HANDLE_VALUE : handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, INVALID_HANDLE_VALUE)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() {
    if (valid()) CloseHandle(handle_);
  }

  HANDLE get() const { return handle_; }
  bool valid() const { return handle_ != INVALID_HANDLE_VALUE; }

 private:
  HANDLE handle_ = INVALID_HANDLE_VALUE;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_HANDLE_H_
