// The header of a .npy file: what NumPy writes before an array's elements.
//
//   "\x93NUMPY", version (two bytes), length of the text (u16; u32 from version 2 on), text
//
// The text is a Python dictionary of three keys: descr, fortran_order, shape. The reader takes
// untrusted bytes: no more than kMaxNpyHeaderBytes are looked at, and only what a dictionary of
// those three can have.
#ifndef NUMPACK_CLI_NPY_H_
#define NUMPACK_CLI_NPY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/core/array_info.h"

namespace numpack::cli {

// NumPy itself writes and reads up to 10,000.
inline constexpr size_t kMaxNpyHeaderBytes = 65536;

struct NpyHeader {
  ArrayInfo info;  // nbytes too; no time
  bool fortran_order = false;
  bool big_endian = false;
  size_t bytes = 0;  // of the whole header: the elements follow
};

// Bytes of the header that begins with `start`, of which at least 12 are there. DataLoss when it is
// no .npy file, or one whose header is too long; Unimplemented for a later version.
absl::StatusOr<size_t> NpyHeaderBytes(absl::string_view start);

// Parses the whole header. DataLoss for what is none; Unimplemented for elements that a store
// cannot have (text, objects, records, times).
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes);

// The header of a little-endian array in C order, a multiple of 64 bytes.
std::string MakeNpyHeader(const ArrayInfo& info);

// Turns elements round, from big-endian to little-endian or back.
void SwapBytes(DType dtype, absl::Span<std::byte> elements);

// Hands the elements on in C order, little-endian, block by block. `read` fills a buffer with the
// file's bytes from an offset behind the header. Memory: the block, and for an array in Fortran
// order up to `block_bytes` (or one row) and a column of reads.
absl::Status ReadNpyElements(
    const NpyHeader& header, size_t block_bytes,
    absl::FunctionRef<absl::Status(uint64_t offset, absl::Span<std::byte> to)> read,
    absl::FunctionRef<absl::Status(absl::Span<const std::byte>)> sink);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_NPY_H_
