#include "numpack/backends/posix_mmap/posix_region.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/posix_error.h"
#include "numpack/backends/posix_mmap/posix_open_file.h"
#include "numpack/backends/posix_mmap/posix_system.h"

namespace numpack {
namespace {

// A private mapping of a whole file may be larger than memory and swap; it is charged page by page
// instead.
#if defined(MAP_NORESERVE)
constexpr int kPrivateFlags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
#else
constexpr int kPrivateFlags = MAP_PRIVATE | MAP_FIXED;
#endif

int AdviceOf(AccessPattern pattern) {
  switch (pattern) {
    case AccessPattern::kNormal:
      return MADV_NORMAL;
    case AccessPattern::kSequential:
      return MADV_SEQUENTIAL;
    case AccessPattern::kRandom:
      return MADV_RANDOM;
    case AccessPattern::kWillNeed:
      return MADV_WILLNEED;
    case AccessPattern::kDoneWith:
      return MADV_DONTNEED;
  }
  return MADV_NORMAL;
}

int ProtectionOf(MapMode mode) {
  return mode == MapMode::kReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
}

// The pages around a range of a file.
struct Pages {
  uint64_t file_offset;  // of the first page
  size_t lead;           // from the first page's start to the range's
  size_t length;         // from the first page's start to the range's end
};

Pages PagesAround(uint64_t offset, size_t length) {
  const size_t lead = static_cast<size_t>(offset % PageSize());
  return {offset - lead, lead, lead + length};
}

class PosixRegion : public MappedRegion::Impl {
 public:
  PosixRegion(std::shared_ptr<PosixOpenFile> file, std::byte* start, Pages pages, MapMode mode)
      : inode_(file->inode),
        description_(file->description),
        file_(mode == MapMode::kReadWrite ? std::move(file) : nullptr),
        start_(start),
        pages_(pages),
        mode_(mode) {}

  ~PosixRegion() override {
    munmap(start_, pages_.length);
    absl::MutexLock lock(&inode_->mapping_mutex);
    inode_->mapped_ends.erase(inode_->mapped_ends.find(pages_.file_offset + pages_.length));
  }

  absl::Status Flush(size_t offset, size_t length) override {
    const Pages range = PagesAround(pages_.lead + offset, length);
    if (RetryOnSignal([&] { return msync(At(range), range.length, MS_SYNC); }) == 0)
      return absl::OkStatus();
    return ErrnoToStatus(errno, "cannot flush the mapping of", description_);
  }

  void Advise(size_t offset, size_t length, AccessPattern pattern) override {
    // There the pages are the only copy of what was stored: dropping them would bring old contents
    // back.
    if (private_ && pattern == AccessPattern::kDoneWith) return;
    const Pages range = PagesAround(pages_.lead + offset, length);
    madvise(At(range), range.length, AdviceOf(pattern));
  }

  absl::Status PrefaultForWriting(size_t offset, size_t length) override {
    if (mode_ == MapMode::kReadOnly && !private_) return absl::OkStatus();
    const Pages range = PagesAround(pages_.lead + offset, length);
    const int error = PopulateForWriting(At(range), range.length);
    if (error == 0) return absl::OkStatus();
    return ErrnoToStatus(error, "cannot prepare for writing the mapping of", description_);
  }

  absl::Status MakePrivate() override {
    if (private_) return absl::OkStatus();
    if (file_ == nullptr) {
      return absl::UnimplementedError(absl::StrCat("a mapping of ", description_,
                                                   " for reading only cannot be cut off from it"));
    }
    if (!DataLimitAllows(pages_.length)) {
      return ErrnoToStatus(ENOMEM, "cannot make private the mapping of", description_);
    }
    if (!Remap(PROT_READ | PROT_WRITE, kPrivateFlags)) {
      const int error = errno;
      // Some systems have unmapped the range by now; whoever still reads it must find it.
      Remap(ProtectionOf(mode_), MAP_SHARED | MAP_FIXED);
      return ErrnoToStatus(error, "cannot make private the mapping of", description_);
    }
    private_ = true;
    return absl::OkStatus();
  }

 private:
  std::byte* At(const Pages& range) const { return start_ + range.file_offset; }

  bool Remap(int protection, int flags) {
    return mmap(start_, pages_.length, protection, flags, file_->descriptor.get(),
                static_cast<off_t>(pages_.file_offset)) != MAP_FAILED;
  }

  const std::shared_ptr<PosixInode> inode_;
  const std::string description_;
  // For MakePrivate. Null when mapped for reading only: descriptors are few.
  const std::shared_ptr<PosixOpenFile> file_;
  std::byte* const start_;
  const Pages pages_;
  const MapMode mode_;
  bool private_ = false;
};

}  // namespace

absl::StatusOr<MappedRegion> MapPosixFile(std::shared_ptr<PosixOpenFile> file, uint64_t offset,
                                          uint64_t length, MapMode mode) {
  if (length > std::numeric_limits<size_t>::max() - PageSize()) {
    return ErrnoToStatus(ENOMEM, "cannot map", file->description);
  }
  const Pages pages = PagesAround(offset, static_cast<size_t>(length));
  absl::MutexLock lock(&file->inode->mapping_mutex);
  struct stat info;
  if (fstat(file->descriptor.get(), &info) != 0) {
    return ErrnoToStatus(errno, "cannot tell the size of", file->description);
  }
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  if (offset + length > size) return PastEndError(file->description, offset, length, size);
  void* const start = mmap(nullptr, pages.length, ProtectionOf(mode), MAP_SHARED,
                           file->descriptor.get(), static_cast<off_t>(pages.file_offset));
  if (start == MAP_FAILED) return ErrnoToStatus(errno, "cannot map", file->description);
  file->inode->mapped_ends.insert(offset + length);
  std::byte* const first = static_cast<std::byte*>(start);
  return MappedRegion(first + pages.lead, static_cast<size_t>(length),
                      std::make_unique<PosixRegion>(std::move(file), first, pages, mode));
}

}  // namespace numpack
