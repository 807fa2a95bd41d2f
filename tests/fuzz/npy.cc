// .npy files: the header and, behind it, the elements. Of what is accepted every element is read
// once, from within the file, and the header that is written for it means the same.

#include "cli/npy.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace {

constexpr int64_t kMostBytes = 1 << 16;  // elements beyond this are only more of the same
constexpr size_t kBlockBytes = 100;

void CheckElements(const numpack::cli::NpyHeader& header) {
  const auto total = static_cast<uint64_t>(header.info.nbytes);
  uint64_t read_bytes = 0;
  uint64_t given_bytes = 0;
  const auto read = [&](uint64_t offset, absl::Span<std::byte> to) {
    if (offset > total || to.size() > total - offset) std::abort();
    read_bytes += to.size();
    return absl::OkStatus();
  };
  const auto sink = [&](absl::Span<const std::byte> bytes) {
    given_bytes += bytes.size();
    return absl::OkStatus();
  };
  const absl::Status status = numpack::cli::ReadNpyElements(header, kBlockBytes, read, sink);
  if (!status.ok() || read_bytes != total || given_bytes != total) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::cli::NpyHeader;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<NpyHeader> header = numpack::cli::ParseNpyHeader(bytes);
  if (!header.ok()) return 0;
  if (header->bytes > size || header->info.nbytes < 0) std::abort();
  const std::string written = numpack::cli::MakeNpyHeader(header->info);
  const absl::StatusOr<NpyHeader> again = numpack::cli::ParseNpyHeader(written);
  if (!again.ok() || again->info.shape != header->info.shape ||
      again->info.dtype != header->info.dtype || again->bytes != written.size()) {
    std::abort();
  }
  if (header->info.nbytes <= kMostBytes) CheckElements(*header);
  return 0;
}
