// What is known of a stored array without touching its elements.
#ifndef NUMPACK_CORE_ARRAY_INFO_H_
#define NUMPACK_CORE_ARRAY_INFO_H_

#include <cstdint>
#include <memory>

#include "numpack/core/dropped_rows.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack {

struct ArrayInfo {
  DType dtype = DType::kUint8;
  Shape shape;
  int64_t nbytes = 0;       // of all elements
  int64_t modified_us = 0;  // last change of contents, microseconds since the Unix epoch
  // Rows that are stored, but gone: not counted in shape and nbytes. Null: none.
  std::shared_ptr<const DroppedRows> dropped = nullptr;
  bool has_checksum = false;  // of the stored contents: StoreOptions::checksum
};

}  // namespace numpack

#endif  // NUMPACK_CORE_ARRAY_INFO_H_
