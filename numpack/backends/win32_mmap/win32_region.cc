#include "numpack/backends/win32_mmap/win32_region.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_open_file.h"
#include "numpack/backends/win32_mmap/win32_removal.h"
#include "numpack/backends/win32_mmap/win32_system.h"

namespace numpack {
namespace {

// A view needs neither the file's handle nor the section's to live on.
class Win32Region : public MappedRegion::Impl {
 public:
  // Takes over the view of `view_length` bytes at `start`; the region begins `lead` bytes into it.
  Win32Region(const Win32OpenFile& file, std::byte* start, size_t lead, size_t view_length,
              MapMode mode)
      : inode_(file.inode),
        removals_(file.removals),
        description_(file.description),
        start_(start),
        lead_(lead),
        view_length_(view_length),
        mode_(mode) {
    if (mode_ == MapMode::kReadOnly) return;
    absl::MutexLock lock(&inode_->views_mutex);
    inode_->writable_views.insert({start_, view_length_});
  }

  ~Win32Region() override {
    if (mode_ == MapMode::kReadOnly) {
      UnmapViewOfFile(start_);
    } else {
      // Together: whoever flushes the file sees the view, or what it changed.
      absl::MutexLock lock(&inode_->views_mutex);
      UnmapViewOfFile(start_);
      inode_->writable_views.erase({start_, view_length_});
    }
    removals_->Sweep();
  }

  absl::Status Flush(size_t offset, size_t length) override {
    const Win32Error error = FlushView(start_ + lead_ + offset, length);
    return error == ERROR_SUCCESS
               ? absl::OkStatus()
               : Win32ErrorToStatus(error, "cannot flush the mapping of", description_);
  }

  void Advise(size_t offset, size_t length, AccessPattern pattern) override {
    std::byte* const from = start_ + lead_ + offset;
    switch (pattern) {
      case AccessPattern::kWillNeed:
        Prefetch(from, length);
        return;
      case AccessPattern::kDoneWith:
        // Of memory that is not locked it says "not locked", and takes the pages out of the working
        // set.
        static_cast<void>(VirtualUnlock(from, length));
        return;
      case AccessPattern::kNormal:
      case AccessPattern::kSequential:
      case AccessPattern::kRandom:
        return;  // chosen when a file is opened, here
    }
  }

  absl::Status PrefaultForWriting(size_t offset, size_t length) override {
    Prefetch(start_ + lead_ + offset, length);
    return absl::OkStatus();
  }

  absl::Status MakePrivate() override {
    return absl::UnimplementedError(absl::StrCat("Windows cannot cut off the mapping of ",
                                                 description_, " from the file at its address"));
  }

 private:
  const std::shared_ptr<Win32Inode> inode_;
  const std::shared_ptr<Removals> removals_;
  const std::string description_;
  std::byte* const start_;
  const size_t lead_;
  const size_t view_length_;
  const MapMode mode_;
};

Win32Error MapView(HANDLE file, uint64_t offset, size_t length, MapMode mode, std::byte*& start) {
  const bool writable = mode == MapMode::kReadWrite;
  // As large as the file is now. Sections of one file show the same bytes whatever their sizes.
  const Handle section(
      CreateFileMappingW(file, nullptr, writable ? PAGE_READWRITE : PAGE_READONLY, 0, 0, nullptr));
  if (!section.valid()) return GetLastError();
  start = static_cast<std::byte*>(
      MapViewOfFile(section.get(), writable ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ,
                    static_cast<DWORD>(offset >> 32), static_cast<DWORD>(offset), length));
  return start != nullptr ? Win32Error{ERROR_SUCCESS} : Win32Error{GetLastError()};
}

}  // namespace

absl::StatusOr<MappedRegion> MapWin32File(const Win32OpenFile& file, uint64_t offset,
                                          uint64_t length, MapMode mode) {
  const size_t lead = static_cast<size_t>(offset % AllocationGranularity());
  if (length > std::numeric_limits<size_t>::max() - lead)
    return Win32ErrorToStatus(ERROR_NOT_ENOUGH_MEMORY, "cannot map", file.description);
  const size_t view_length = lead + static_cast<size_t>(length);
  absl::ReaderMutexLock lock(&file.inode->growth_mutex);
  std::byte* start = nullptr;
  Win32Error mapping_error = ERROR_SUCCESS;
  // Looked at once more when mapping fails: another process may have cut the file in between.
  for (const bool tried : {false, true}) {
    uint64_t size = 0;
    const Win32Error error = GetSize(file.handle.get(), size);
    if (error != ERROR_SUCCESS)
      return Win32ErrorToStatus(error, "cannot tell the size of", file.description);
    if (offset + length > size) return PastEndError(file.description, offset, length, size);
    if (tried) break;
    mapping_error = MapView(file.handle.get(), offset - lead, view_length, mode, start);
    if (mapping_error == ERROR_SUCCESS) {
      return MappedRegion(start + lead, static_cast<size_t>(length),
                          std::make_unique<Win32Region>(file, start, lead, view_length, mode));
    }
  }
  return Win32ErrorToStatus(mapping_error, "cannot map", file.description);
}

}  // namespace numpack
