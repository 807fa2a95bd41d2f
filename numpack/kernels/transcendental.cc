// exp, log, tanh and sigmoid of float32 and float64.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/transcendental.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/loop-inl.h"
#include "numpack/kernels/transcendental-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

template <typename T>
Kernel ForLanes(Operation operation, OperandKind kind) {
  switch (operation) {
    case Operation::kExp:
      return Unary<Exp, Plain<T>>(kind);
    case Operation::kLog:
      return Unary<Log, Plain<T>>(kind);
    case Operation::kTanh:
      return Unary<Tanh, Plain<T>>(kind);
    case Operation::kSigmoid:
      return Unary<Sigmoid, Plain<T>>(kind);
    default:
      return nullptr;
  }
}

}  // namespace

Kernel FindTranscendentalOfTarget(Operation operation, OperandKind kind, DType dtype) {
  if (dtype == DType::kFloat32) return ForLanes<float>(operation, kind);
  if (dtype == DType::kFloat64) return ForLanes<double>(operation, kind);
  return nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindTranscendentalOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindTranscendental(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindTranscendentalOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
