// Arithmetic of integers, float32 and float64. Like the other families' sources, this file is
// compiled once per instruction set: everything in HWY_NAMESPACE exists for each of them, and
// foreach_target.h includes the file again and again to that end.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/arithmetic.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/arithmetic-inl.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

// For integers, T is unsigned: results have the same bits, and only unsigned ones wrap around
// without undefined behaviour wherever Highway falls back to plain C++.
template <typename T>
Kernel ForLanes(Operation operation, OperandKind kind) {
  using E = Plain<T>;
  switch (operation) {
    case Operation::kAdd:
      return Binary<Add, E>(kind);
    case Operation::kSubtract:
      return Binary<Subtract, E>(kind);
    case Operation::kReverseSubtract:
      return Binary<ReverseSubtract, E>(kind);
    case Operation::kMultiply:
      return Binary<Multiply, E>(kind);
    case Operation::kMultiplyAdd:
      return WithTwoScalars<MultiplyAdd, E>(kind);
    case Operation::kPower:
      return kind == OperandKind::kScalar ? &UpdateAll<Power, E, Exponent<E>> : nullptr;
    case Operation::kNegate:
      return Unary<Negate, E>(kind);
    case Operation::kSquare:
      return Unary<Square, E>(kind);
    case Operation::kFill:
      return WithScalar<Fill, E>(kind);
    default:
      break;
  }
  if constexpr (hwy::IsFloat<T>()) {
    switch (operation) {
      case Operation::kDivide:
        return Binary<Divide, E>(kind);
      case Operation::kFusedMultiplyAdd:
        return WithTwoScalars<FusedMultiplyAdd, E>(kind);
      case Operation::kAbs:
        return Unary<Abs, E>(kind);
      case Operation::kSqrt:
        return Unary<Sqrt, E>(kind);
      case Operation::kReciprocal:
        return Unary<Reciprocal, E>(kind);
      default:
        break;
    }
  }
  return nullptr;
}

template <typename T>
Kernel ForInteger(Operation operation, OperandKind kind) {
  if (operation == Operation::kAbs) {
    return hwy::IsSigned<T>() ? Unary<Abs, Plain<hwy::MakeSigned<T>>>(kind)
                              : Unary<Unchanged, Plain<T>>(kind);
  }
  return ForLanes<hwy::MakeUnsigned<T>>(operation, kind);
}

}  // namespace

Kernel FindArithmeticOfTarget(Operation operation, OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return ForInteger<uint8_t>(operation, kind);
    case DType::kInt8:
      return ForInteger<int8_t>(operation, kind);
    case DType::kUint16:
      return ForInteger<uint16_t>(operation, kind);
    case DType::kInt16:
      return ForInteger<int16_t>(operation, kind);
    case DType::kUint32:
      return ForInteger<uint32_t>(operation, kind);
    case DType::kInt32:
      return ForInteger<int32_t>(operation, kind);
    case DType::kUint64:
      return ForInteger<uint64_t>(operation, kind);
    case DType::kInt64:
      return ForInteger<int64_t>(operation, kind);
    case DType::kFloat32:
      return ForLanes<float>(operation, kind);
    case DType::kFloat64:
      return ForLanes<double>(operation, kind);
    default:
      return nullptr;
  }
}

int64_t CompiledTarget() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindArithmeticOfTarget);
HWY_EXPORT(CompiledTarget);
}  // namespace

namespace kernels_internal {

Kernel FindArithmetic(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindArithmeticOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal

const char* ActiveTarget() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(CompiledTarget)()); }

}  // namespace numpack
#endif  // HWY_ONCE
