// deleted_<array>.npkb: the first eight bytes of the input say how many rows the array has. Runs of
// alive rows never overlap, stay within the array, and add up.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/base/codec.h"
#include "numpack/core/legacy_v1_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using numpack::legacy_v1::AliveRows;
  if (size < 8) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const uint64_t rows = numpack::Decoder(bytes.substr(0, 8)).U64();
  const absl::StatusOr<AliveRows> alive =
      numpack::legacy_v1::ParseBitmap(bytes.substr(8), rows, "fuzz");
  if (!alive.ok()) return 0;
  uint64_t sum = 0;
  uint64_t end = 0;
  for (AliveRows::Run run = alive->NextRun(0); run.begin < run.end; run = alive->NextRun(run.end)) {
    if (run.begin < end || run.end > rows) std::abort();
    sum += run.end - run.begin;
    end = run.end;
  }
  if (sum != alive->alive() || sum > rows) std::abort();
  return 0;
}
