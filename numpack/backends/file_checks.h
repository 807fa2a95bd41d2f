// The argument checks that every Backend and File makes, for implementations: one rule and one
// wording for all of them.
#ifndef NUMPACK_BACKENDS_FILE_CHECKS_H_
#define NUMPACK_BACKENDS_FILE_CHECKS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"

namespace numpack {

// offset + length; InvalidArgument when that overflows. `file` is File::description(), for the
// message.
absl::StatusOr<uint64_t> RangeEnd(absl::string_view file, uint64_t offset, uint64_t length);

// As RangeEnd, for the sum of the pieces' lengths.
absl::StatusOr<uint64_t> RangeEnd(absl::string_view file, uint64_t offset,
                                  absl::Span<const absl::Span<const std::byte>> pieces);

// As RangeEnd, and InvalidArgument when the range is empty: no system agrees with another on empty
// locks.
absl::StatusOr<uint64_t> LockRangeEnd(absl::string_view file, uint64_t offset, uint64_t length);

// OK for what Backend::OpenForeign takes. `directory` is Backend::Describe(), for the message.
absl::Status CheckForeignOpen(absl::string_view directory, absl::string_view name, OpenMode mode);

// The errors themselves.
absl::Status PastEndError(absl::string_view file, uint64_t offset, uint64_t length, uint64_t size);
absl::Status LiveMappingError(absl::string_view file, uint64_t size, uint64_t mapped_end);
absl::Status OpenedReadOnlyError(absl::string_view file, absl::string_view action);
absl::Status LockHeldError(absl::string_view file, uint64_t offset, uint64_t length);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_FILE_CHECKS_H_
