// The bytes of metadata.npkm and deleted_<array>.npkb, the files in which NumPack 0.7 describes a
// directory. docs/format.md, "Directories of NumPack 0.7", has the layout.
//
// Parsing takes untrusted bytes: counts and lengths are compared with what is there before anything
// is allocated, products and sums cannot overflow, and memory stays within a small multiple of the
// input. Errors name the file and the offset.
#ifndef NUMPACK_CORE_LEGACY_V1_FORMAT_H_
#define NUMPACK_CORE_LEGACY_V1_FORMAT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack::legacy_v1 {

inline constexpr absl::string_view kMetadataFile = "metadata.npkm";

// The axes that NumPack 0.7 can load: without one, or with more, it ends its process.
inline constexpr int kMinRank = 1;
inline constexpr int kMaxRank = 32;

// An array as metadata.npkm has it.
struct ArrayRecord {
  std::string name;  // UTF-8; may be empty
  DType dtype = DType::kUint8;
  Shape shape;               // deleted rows are still in it
  std::string data_file;     // as it stands there: nobody has looked where it leads
  uint64_t modified_us = 0;  // microseconds since the Unix epoch
  uint64_t nbytes = 0;       // what shape and dtype make
};

// DataLoss for what is no metadata.npkm, or one that contradicts itself; FailedPrecondition for
// another version; Unimplemented for compressed arrays, which NumPack 0.7 never wrote itself.
// Names are distinct in the result. `file` is for messages.
absl::StatusOr<std::vector<ArrayRecord>> ParseMetadata(absl::string_view bytes,
                                                       absl::string_view file);

// The inverse. InvalidArgument for names that are no UTF-8, which would make NumPack 0.7 take the
// whole directory for an empty one, and for names, and numbers of arrays, beyond 32 bits.
absl::StatusOr<std::string> EncodeMetadata(absl::Span<const ArrayRecord> arrays);

// Which rows of an array are not deleted.
class AliveRows {
 public:
  // Bit r % 64 of word r / 64 stands for row r; bits behind the last row are ignored. There are
  // words for all rows.
  AliveRows(uint64_t rows, std::vector<uint64_t> words);

  uint64_t rows() const { return rows_; }
  uint64_t alive() const { return alive_; }

  // Rows [begin, end).
  struct Run {
    uint64_t begin;
    uint64_t end;
  };
  // The first run of alive rows that begins at or after `row`, as long as it goes; empty when there
  // is none.
  Run NextRun(uint64_t row) const;

 private:
  // The first row at or after `row` whose bit is `bit`, or rows().
  uint64_t FindBit(uint64_t row, bool bit) const;

  uint64_t rows_;
  std::vector<uint64_t> words_;
  uint64_t alive_ = 0;
};

// A bitmap for an array of `rows` stored rows, with or without the heading that older files lack.
//
// When its bits and the heading's count of deleted rows differ, the bits count as long as fewer
// rows are deleted by them: after some appends NumPack 0.7 forgets which rows were deleted and
// remembers only how many, and then it loads them again. DataLoss otherwise.
absl::StatusOr<AliveRows> ParseBitmap(absl::string_view bytes, uint64_t rows,
                                      absl::string_view file);

}  // namespace numpack::legacy_v1

#endif  // NUMPACK_CORE_LEGACY_V1_FORMAT_H_
