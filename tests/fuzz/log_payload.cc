// What the records of a commit log say: the first byte of the input is the kind. Whatever is
// accepted has one encoding.

#include "numpack/storage/log_payload.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/storage/record.h"

namespace {

template <typename Payload>
void CheckSame(absl::string_view bytes, const absl::StatusOr<Payload>& payload) {
  if (payload.ok() && numpack::storage::Encode(*payload) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::storage::RecordKind;
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<RecordKind>(data[0])) {
    case RecordKind::kCheckpoint:
      CheckSame(bytes, numpack::storage::DecodeCheckpoint(bytes));
      break;
    case RecordKind::kCommit:
      CheckSame(bytes, numpack::storage::DecodeCommit(bytes));
      break;
    case RecordKind::kInPlaceBegin:
    case RecordKind::kInPlaceEnd:
      CheckSame(bytes, numpack::storage::DecodeInPlace(bytes));
      break;
    case RecordKind::kRedo:
      CheckSame(bytes, numpack::storage::DecodeRedo(bytes));
      break;
    case RecordKind::kBarrier:
      CheckSame(bytes, numpack::storage::DecodeBarrier(bytes));
      break;
    case RecordKind::kSession:
      CheckSame(bytes, numpack::storage::DecodeSession(bytes));
      break;
    case RecordKind::kKept:
      CheckSame(bytes, numpack::storage::DecodeKept(bytes));
      break;
    case RecordKind::kSeal:
      break;
  }
  return 0;
}
