// A segment with pieces over its bytes: what recovery would write, for somebody who cannot write.
#ifndef NUMPACK_STORAGE_PATCHED_SEGMENT_H_
#define NUMPACK_STORAGE_PATCHED_SEGMENT_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

// Reads as `segment` would after the pieces were written to it, in order. Their offsets are from
// the beginning of the segment, and all lie within it. It cannot be mapped: its views are copies.
absl::StatusOr<std::shared_ptr<Segment>> PatchSegment(std::shared_ptr<Segment> segment,
                                                      std::vector<RedoPayload::Piece> pieces);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_PATCHED_SEGMENT_H_
