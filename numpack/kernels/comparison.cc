// Minimum, maximum, clip, compare-and-replace of integers, float32 and float64.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/comparison.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/comparison-inl.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

template <typename T>
Kernel ForLanes(Operation operation, OperandKind kind) {
  return ForComparison<T, Plain<T>>(operation, kind);
}

}  // namespace

Kernel FindComparisonOfTarget(Operation operation, OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return ForLanes<uint8_t>(operation, kind);
    case DType::kInt8:
      return ForLanes<int8_t>(operation, kind);
    case DType::kUint16:
      return ForLanes<uint16_t>(operation, kind);
    case DType::kInt16:
      return ForLanes<int16_t>(operation, kind);
    case DType::kUint32:
      return ForLanes<uint32_t>(operation, kind);
    case DType::kInt32:
      return ForLanes<int32_t>(operation, kind);
    case DType::kUint64:
      return ForLanes<uint64_t>(operation, kind);
    case DType::kInt64:
      return ForLanes<int64_t>(operation, kind);
    case DType::kFloat32:
      return ForLanes<float>(operation, kind);
    case DType::kFloat64:
      return ForLanes<double>(operation, kind);
    default:
      return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindComparisonOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindComparison(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindComparisonOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
