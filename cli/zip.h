// Zip archives as numpy.savez writes them: members that are stored as they are, not compressed.
// Sizes and offsets may have 64 bits.
//
// The reader takes untrusted bytes: the directory of the archive is bounded, and every range is
// compared with the file's size before it is read.
#ifndef NUMPACK_CLI_ZIP_H_
#define NUMPACK_CLI_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cli/files.h"

namespace numpack::cli {

// The CRC-32 of zip (not CRC-32C). `crc` is that of the bytes before, 0 at the beginning.
uint32_t ExtendZipCrc(uint32_t crc, absl::Span<const std::byte> bytes);

struct ZipMember {
  std::string name;
  uint64_t offset = 0;  // of its contents in the file
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

// DataLoss for what is no zip archive, or a damaged one; Unimplemented for compressed and encrypted
// members.
absl::StatusOr<std::vector<ZipMember>> ReadZipDirectory(InputFile& file);

// Writes members one after another.
class ZipWriter {
 public:
  // `out` outlives this.
  explicit ZipWriter(OutputFile& out) : out_(out) {}

  // Begins a member of that many bytes; the one before must be complete. InvalidArgument for a name
  // of more than 65,535 bytes.
  absl::Status Start(absl::string_view name, uint64_t bytes);
  absl::Status Append(absl::Span<const std::byte> bytes);
  absl::Status Append(absl::string_view bytes) {
    return Append(
        absl::MakeConstSpan(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
  }
  // Writes the directory. Commit is left to the caller.
  absl::Status Finish();

 private:
  absl::Status EndMember();

  OutputFile& out_;
  std::vector<ZipMember> members_;  // `offset` is that of the header
  bool open_ = false;
};

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_ZIP_H_
