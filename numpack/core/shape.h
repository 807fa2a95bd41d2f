// Shape: the lengths of an array's axes. A 0-d array has an empty shape and one element.
#ifndef NUMPACK_CORE_SHAPE_H_
#define NUMPACK_CORE_SHAPE_H_

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/core/dtype.h"

namespace numpack {

// As many axes as NumPy 2 allows.
inline constexpr int kMaxRank = 64;

using Shape = absl::InlinedVector<int64_t, 4>;
// Distance in bytes between neighbours along each axis; may be zero or negative.
using Strides = absl::InlinedVector<int64_t, 4>;

// The product of the axes. InvalidArgument for a negative axis, more than kMaxRank axes, or an
// array whose elements or bytes do not fit into int64 (zero axes are left out of that product, as
// in NumPy).
absl::StatusOr<int64_t> CountElements(absl::Span<const int64_t> shape, DType dtype);

// Strides of a C-ordered array. The shape must be valid.
Strides ContiguousStrides(absl::Span<const int64_t> shape, DType dtype);

// "(3, 4)", "(3,)", "()", as Python writes it.
std::string ShapeString(absl::Span<const int64_t> shape);

}  // namespace numpack

#endif  // NUMPACK_CORE_SHAPE_H_
