#include "numpack/storage/heap_copy.h"

#include <limits>
#include <new>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

class HeapCopy::Region final : public MappedRegion::Impl {
 public:
  explicit Region(std::shared_ptr<HeapCopy> copy) : copy_(std::move(copy)) {}

  absl::Status Flush(size_t, size_t) override { return copy_->WriteBack(); }
  void Advise(size_t, size_t, AccessPattern) override {}
  absl::Status PrefaultForWriting(size_t, size_t) override { return absl::OkStatus(); }
  // After an error it is still the file's, so that whoever ends the change hears of it.
  absl::Status MakePrivate() override {
    NUMPACK_RETURN_IF_ERROR(copy_->WriteBack());
    copy_->LetGo();
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<HeapCopy> copy_;
};

absl::StatusOr<std::shared_ptr<HeapCopy>> HeapCopy::Read(std::shared_ptr<File> file,
                                                         uint64_t offset, uint64_t length) {
  std::unique_ptr<std::byte[]> memory;
  // Aligned by hand, for the reason that NewHeapArray gives.
  if (length <= std::numeric_limits<size_t>::max() - kAlignment)
    memory.reset(new (std::nothrow) std::byte[static_cast<size_t>(length) + kAlignment]);
  if (memory == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat("no memory for ", length, " bytes"));
  const auto size = static_cast<size_t>(length);
  void* start = memory.get();
  size_t room = size + kAlignment;
  const absl::Span<std::byte> bytes(
      static_cast<std::byte*>(std::align(kAlignment, size, start, room)), size);
  NUMPACK_RETURN_IF_ERROR(file->ReadAt(offset, bytes));
  return std::shared_ptr<HeapCopy>(new HeapCopy(std::move(memory), bytes, offset, std::move(file)));
}

absl::Status HeapCopy::WriteBack() {
  absl::MutexLock lock(&mu_);
  return file_ == nullptr ? absl::OkStatus() : file_->WriteAt(offset_, absl::MakeConstSpan(bytes_));
}

void HeapCopy::LetGo() {
  absl::MutexLock lock(&mu_);
  file_ = nullptr;
}

MappedRegion HeapCopy::AsRegion(std::shared_ptr<HeapCopy> copy) {
  const absl::Span<std::byte> bytes = copy->bytes();
  return MappedRegion(bytes.data(), bytes.size(), std::make_unique<Region>(std::move(copy)));
}

}  // namespace numpack::storage
