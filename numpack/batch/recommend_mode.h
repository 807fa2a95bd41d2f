// Which batch mode suits an array: the selection guide as code.
//
// In this order: a change of shape needs Batch; more than half of the available memory, or more
// than 100 MB, suits WritableBatch, which has no copy in memory; everything else Batch, which is
// atomic.
#ifndef NUMPACK_BATCH_RECOMMEND_MODE_H_
#define NUMPACK_BATCH_RECOMMEND_MODE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "numpack/base/available_memory.h"

namespace numpack {

enum class BatchMode { kBatch, kWritableBatch };

struct Recommendation {
  BatchMode mode = BatchMode::kBatch;
  std::string reason;  // a sentence for people
};

// For arrays of `bytes` bytes in all. `shape_change`: whether rows are added or taken away, arrays
// reshaped or made. `available`: bytes of memory; nothing when not known.
Recommendation RecommendMode(uint64_t bytes, bool shape_change = false,
                             std::optional<uint64_t> available = AvailableMemory());

}  // namespace numpack

#endif  // NUMPACK_BATCH_RECOMMEND_MODE_H_
