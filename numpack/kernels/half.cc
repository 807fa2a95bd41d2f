// float16: computed as float32, and rounded once per sign.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/half.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/arithmetic-inl.h"
#include "numpack/kernels/comparison-inl.h"
#include "numpack/kernels/half-inl.h"
#include "numpack/kernels/loop-inl.h"
#include "numpack/kernels/transcendental-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
Kernel FindHalfOfTarget(Operation operation, OperandKind kind) {
  switch (operation) {
    case Operation::kAdd:
      return Binary<Rounded<Add>, Half>(kind);
    case Operation::kSubtract:
      return Binary<Rounded<Subtract>, Half>(kind);
    case Operation::kReverseSubtract:
      return Binary<Rounded<ReverseSubtract>, Half>(kind);
    case Operation::kMultiply:
      return Binary<Rounded<Multiply>, Half>(kind);
    case Operation::kDivide:
      return Binary<Rounded<Divide>, Half>(kind);
    case Operation::kMultiplyAdd:
      return WithTwoScalars<RoundedMultiplyAdd, Half>(kind);
    case Operation::kPower:
      return kind == OperandKind::kScalar ? &UpdateAll<RoundedPower, Half, RoundedExponent>
                                          : nullptr;
    case Operation::kNegate:
      return Unary<FlipSign, Plain<uint16_t>>(kind);
    case Operation::kAbs:
      return Unary<ClearSign, Plain<uint16_t>>(kind);
    case Operation::kSquare:
      return Unary<Rounded<Square>, Half>(kind);
    case Operation::kSqrt:
      return Unary<Rounded<Sqrt>, Half>(kind);
    case Operation::kReciprocal:
      return Unary<Rounded<Reciprocal>, Half>(kind);
    case Operation::kFill:
      return WithScalar<Fill, Plain<uint16_t>>(kind);
    case Operation::kMinimum:  // of equal ones the first: only here, as NumPy does
      return Binary<Extremum<LessEqual, Quiet>, Half>(kind);
    case Operation::kMaximum:
      return Binary<Extremum<GreaterEqual, Quiet>, Half>(kind);
    case Operation::kExp:
      return Unary<Rounded<Exp>, Half>(kind);
    case Operation::kLog:
      return Unary<Rounded<Log>, Half>(kind);
    case Operation::kTanh:
      return Unary<Rounded<Tanh>, Half>(kind);
    case Operation::kSigmoid:
      return Unary<Rounded<Sigmoid>, Half>(kind);
    default:
      return ForComparison<float, Half>(operation, kind);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindHalfOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindHalf(Operation operation, OperandKind kind) {
  return HWY_DYNAMIC_DISPATCH(FindHalfOfTarget)(operation, kind);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
