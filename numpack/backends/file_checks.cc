#include "numpack/backends/file_checks.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/base/checked_math.h"

namespace numpack {
namespace {

absl::Status OverflowError(absl::string_view file, uint64_t offset) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, ": a range that starts at offset ", offset, " ends beyond 2^64"));
}

}  // namespace

absl::StatusOr<uint64_t> RangeEnd(absl::string_view file, uint64_t offset, uint64_t length) {
  const std::optional<uint64_t> end = CheckedAdd(offset, length);
  if (!end.has_value()) return OverflowError(file, offset);
  return *end;
}

absl::StatusOr<uint64_t> RangeEnd(absl::string_view file, uint64_t offset,
                                  absl::Span<const absl::Span<const std::byte>> pieces) {
  std::optional<uint64_t> end = offset;
  for (const absl::Span<const std::byte> piece : pieces) {
    end = CheckedAdd(*end, piece.size());
    if (!end.has_value()) return OverflowError(file, offset);
  }
  return *end;
}

absl::StatusOr<uint64_t> LockRangeEnd(absl::string_view file, uint64_t offset, uint64_t length) {
  if (length == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": cannot lock the empty range at offset ", offset));
  }
  return RangeEnd(file, offset, length);
}

absl::Status CheckForeignOpen(absl::string_view directory, absl::string_view name, OpenMode mode) {
  if (mode != OpenMode::kReadOnly && mode != OpenMode::kReadWrite) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory, ": a foreign file can only be opened, not made"));
  }
  return ValidateForeignName(name);
}

absl::Status PastEndError(absl::string_view file, uint64_t offset, uint64_t length, uint64_t size) {
  return absl::OutOfRangeError(absl::StrCat(file, ": ", length, " bytes at offset ", offset,
                                            " were asked for, the file has ", size, " bytes"));
}

absl::Status LiveMappingError(absl::string_view file, uint64_t size, uint64_t mapped_end) {
  return absl::FailedPreconditionError(absl::StrCat(
      file, ": cannot truncate to ", size, " bytes, a live mapping reaches to byte ", mapped_end));
}

absl::Status OpenedReadOnlyError(absl::string_view file, absl::string_view action) {
  return absl::PermissionDeniedError(
      absl::StrCat(file, ": cannot ", action, ", the file was opened read-only"));
}

absl::Status LockHeldError(absl::string_view file, uint64_t offset, uint64_t length) {
  return absl::UnavailableError(absl::StrCat(
      file, ": another holder has locked bytes of the range of ", length, " at offset ", offset));
}

}  // namespace numpack
