#include "numpack/storage/patched_segment.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

class PatchedFile final : public File {
 public:
  PatchedFile(std::shared_ptr<Segment> segment, std::vector<RedoPayload::Piece> pieces)
      : segment_(std::move(segment)),
        pieces_(std::move(pieces)),
        description_(Segment::FileName(segment_->number())) {}

  const std::string& description() const override { return description_; }
  absl::StatusOr<uint64_t> Size() override { return segment_->size(); }

  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    NUMPACK_RETURN_IF_ERROR(segment_->Read(offset, to));
    for (const RedoPayload::Piece& piece : pieces_) {
      const uint64_t begin = std::max(piece.offset, offset);
      const uint64_t end = std::min(piece.offset + piece.bytes.size(), offset + to.size());
      if (begin >= end) continue;
      std::memcpy(to.data() + (begin - offset), piece.bytes.data() + (begin - piece.offset),
                  static_cast<size_t>(end - begin));
    }
    return absl::OkStatus();
  }

  absl::Status Reserve(uint64_t) override { return ReadOnly("reserve space"); }
  absl::Status Truncate(uint64_t) override { return ReadOnly("truncate"); }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t, absl::Span<const absl::Span<const std::byte>>) override {
    return ReadOnly("write");
  }
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t, MapMode) override {
    return absl::UnimplementedError(absl::StrCat(description_, " cannot be mapped"));
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Lock(uint64_t, uint64_t, LockKind, absl::Duration) override {
    return absl::UnimplementedError(absl::StrCat(description_, " cannot be locked"));
  }
  absl::Status Unlock(uint64_t, uint64_t) override { return absl::OkStatus(); }

 private:
  absl::Status ReadOnly(absl::string_view action) const {
    return OpenedReadOnlyError(description_, action);
  }

  const std::shared_ptr<Segment> segment_;
  const std::vector<RedoPayload::Piece> pieces_;
  const std::string description_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Segment>> PatchSegment(std::shared_ptr<Segment> segment,
                                                      std::vector<RedoPayload::Piece> pieces) {
  const uint32_t number = segment->number();
  return Segment::Take(number, std::make_shared<PatchedFile>(std::move(segment), std::move(pieces)),
                       /*mappings=*/false);
}

}  // namespace numpack::storage
