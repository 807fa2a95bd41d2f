#include "numpack/storage/segment.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {

std::string Segment::FileName(uint32_t number) { return absl::StrCat("segment.", number); }

absl::StatusOr<std::shared_ptr<Segment>> Segment::Open(OpenFiles& files, bool mappings,
                                                       uint32_t number, OpenMode mode) {
  std::shared_ptr<Segment> segment(new Segment(number, mappings));
  segment->handle_.emplace(files, FileName(number));
  NUMPACK_RETURN_IF_ERROR(segment->handle_->Get(mode).status());
  NUMPACK_RETURN_IF_ERROR(segment->RefreshSize());
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Take(uint32_t number, std::shared_ptr<File> file,
                                                       bool mappings) {
  std::shared_ptr<Segment> segment(new Segment(number, mappings));
  segment->taken_ = std::move(file);
  NUMPACK_RETURN_IF_ERROR(segment->RefreshSize());
  return segment;
}

absl::StatusOr<std::shared_ptr<File>> Segment::OpenFile() {
  if (taken_ != nullptr) return taken_;
  return handle_->Get();
}

absl::Status Segment::RefreshSize() {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  absl::MutexLock lock(&size_mu_);
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  size_.store(size, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Segment::Reserve(uint64_t size) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  absl::MutexLock lock(&size_mu_);
  if (size <= this->size()) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(file->Reserve(size));
  size_.store(size, std::memory_order_relaxed);
  MarkDirty();  // the new size must be synced too
  return absl::OkStatus();
}

absl::StatusOr<bool> Segment::Shrink(uint64_t size) {
  {
    absl::MutexLock lock(&mu_);
    mapping_.reset();
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  absl::MutexLock lock(&size_mu_);
  const absl::Status status = file->Truncate(size);
  if (absl::IsFailedPrecondition(status)) return false;
  if (!status.ok()) return status;
  size_.store(size, std::memory_order_relaxed);
  return true;
}

absl::Status Segment::Write(uint64_t offset, absl::Span<const absl::Span<const std::byte>> pieces) {
  MarkDirty();
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  return file->WriteAt(offset, pieces);
}

absl::Status Segment::Read(uint64_t offset, absl::Span<std::byte> to) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  return file->ReadAt(offset, to);
}

absl::StatusOr<SharedBytes> Segment::View(uint64_t offset, uint64_t length) {
  if (length == 0) return SharedBytes{};
  if (!mappings_) {
    NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<File> file, OpenFile());
    NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<HeapCopy> copy,
                             HeapCopy::Read(std::move(file), offset, length));
    copy->LetGo();
    return SharedBytes{copy->bytes(), copy};
  }
  const std::optional<uint64_t> end = CheckedAdd(offset, length);
  if (!end.has_value())
    return absl::OutOfRangeError(absl::StrCat("range overflows in ", FileName(number_)));
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<const MappedRegion> mapping, Mapping(*end));
  return SharedBytes{absl::MakeConstSpan(mapping->data() + offset, length), std::move(mapping)};
}

absl::StatusOr<std::shared_ptr<const MappedRegion>> Segment::Mapping(uint64_t end) {
  absl::MutexLock lock(&mu_);
  if (mapping_ != nullptr && mapping_->size() >= end) return mapping_;
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, OpenFile());
  uint64_t tried = 0;
  while (mapping_ == nullptr || mapping_->size() < end) {
    // Another process may have cut the file since its size was noted, or be about to.
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (end > size) {
      return absl::OutOfRangeError(
          absl::StrCat(file->description(), " ends at ", size, ", before byte ", end));
    }
    absl::StatusOr<MappedRegion> region = file->Map(0, size, MapMode::kReadOnly);
    if (absl::IsOutOfRange(region.status()) && size != std::exchange(tried, size)) continue;
    NUMPACK_RETURN_IF_ERROR(region.status());
    mapping_ = std::make_shared<const MappedRegion>(*std::move(region));
  }
  return mapping_;
}

absl::StatusOr<MappedRegion> Segment::MapWritable(uint64_t offset, uint64_t length) {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<File> file, OpenFile());
  if (mappings_) return file->Map(offset, length, MapMode::kReadWrite);
  if (length == 0) return MappedRegion();
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<HeapCopy> copy,
                           HeapCopy::Read(std::move(file), offset, length));
  absl::MutexLock lock(&mu_);
  writable_[offset] = copy;
  return HeapCopy::AsRegion(std::move(copy));
}

absl::Status Segment::WriteBack() {
  if (mappings_) return absl::OkStatus();
  std::vector<std::shared_ptr<HeapCopy>> copies;
  {
    absl::MutexLock lock(&mu_);
    absl::erase_if(writable_, [&copies](const auto& item) {
      if (std::shared_ptr<HeapCopy> copy = item.second.lock()) copies.push_back(std::move(copy));
      return item.second.expired();
    });
  }
  if (!copies.empty()) MarkDirty();
  for (const std::shared_ptr<HeapCopy>& copy : copies) NUMPACK_RETURN_IF_ERROR(copy->WriteBack());
  return absl::OkStatus();
}

absl::Status Segment::EndWritable(uint64_t offset) {
  std::shared_ptr<HeapCopy> copy;
  {
    absl::MutexLock lock(&mu_);
    const auto made = writable_.find(offset);
    if (made == writable_.end()) return absl::OkStatus();
    copy = made->second.lock();
    writable_.erase(made);
  }
  if (copy == nullptr) return absl::OkStatus();
  MarkDirty();
  absl::Status status = copy->WriteBack();
  copy->LetGo();
  return status;
}

absl::Status Segment::Sync() {
  // Cleared first: a write that comes in while the sync runs marks the segment again.
  if (!dirty_.exchange(false, std::memory_order_relaxed)) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<File>> file = OpenFile();
  absl::Status status = file.ok() ? (*file)->Sync() : file.status();
  if (!status.ok()) MarkDirty();
  return status;
}

}  // namespace numpack::storage
