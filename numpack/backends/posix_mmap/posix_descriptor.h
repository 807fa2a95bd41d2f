// Descriptor: owns one POSIX file descriptor. Move-only; destroying it closes.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DESCRIPTOR_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DESCRIPTOR_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <unistd.h>

#include <utility>

namespace numpack {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  // Never tried again after EINTR: the number is free by then, and may be another thread's already.
  ~Descriptor() {
    if (valid()) close(fd_);
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // For a call that takes the descriptor over (fdopendir).
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_DESCRIPTOR_H_
