// MappedRegion: a range of a file as memory. Move-only; destroying it unmaps.
//
// It holds whatever it needs of the file: closing or removing the file leaves it valid. Reads of a
// region whose file was truncated behind the store's back may raise SIGBUS; the store never does
// that. Thread-safety: const methods may be called at once; the memory is the caller's to
// synchronize.
#ifndef NUMPACK_BACKENDS_MAPPED_REGION_H_
#define NUMPACK_BACKENDS_MAPPED_REGION_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"

namespace numpack {

enum class AccessPattern {
  kNormal,
  kSequential,  // read ahead eagerly
  kRandom,      // do not read ahead
  kWillNeed,    // start reading now
  kDoneWith,    // the pages may leave memory; the contents stay in the file
};

class MappedRegion {
 public:
  // What an implementation provides. Offsets are relative to the region and already checked.
  class Impl {
   public:
    virtual ~Impl() = default;
    virtual absl::Status Flush(size_t offset, size_t length) = 0;
    virtual void Advise(size_t offset, size_t length, AccessPattern pattern) = 0;
    virtual absl::Status PrefaultForWriting(size_t offset, size_t length) = 0;
    virtual absl::Status MakePrivate() = 0;
  };

  // An empty region: size() is 0, every operation succeeds.
  MappedRegion() = default;
  // For implementations. `impl` unmaps in its destructor.
  MappedRegion(std::byte* data, size_t size, std::unique_ptr<Impl> impl)
      : data_(data), size_(size), impl_(std::move(impl)) {}
  MappedRegion(MappedRegion&& other) noexcept { *this = std::move(other); }
  MappedRegion& operator=(MappedRegion&& other) noexcept {
    impl_ = std::move(other.impl_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // Mutable although the region may be read-only: storing into a read-only region is an access
  // violation.
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Writes changed pages of [offset, offset + length) to the file and waits. Durability also needs
  // File::Sync. InvalidArgument when the range leaves the region, as for all methods below.
  absl::Status Flush(size_t offset, size_t length);
  absl::Status Flush() { return Flush(0, size_); }

  // A hint; never fails.
  void Advise(size_t offset, size_t length, AccessPattern pattern);

  // Makes the pages ready for stores, so that a loop over them takes no faults. A hint where
  // unsupported.
  absl::Status PrefaultForWriting(size_t offset, size_t length);

  // Cuts the memory off from the file at the same address: afterwards stores stay in this process
  // and never reach the file. Pages that were not stored to since may go on showing the file.
  // Unimplemented where the system cannot do this in place (Windows), or where the region was
  // mapped for reading only; ResourceExhausted where the process may not have so much memory of its
  // own. After an error the region is what it was.
  absl::Status MakePrivate();

 private:
  absl::Status CheckRange(size_t offset, size_t length) const;

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MAPPED_REGION_H_
