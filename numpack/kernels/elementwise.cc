// This file is compiled once per instruction set: everything in HWY_NAMESPACE exists for each of
// them, and foreach_target.h includes the file again and again to that end.
//
// To add an operation: a struct beside Add and a case in FindKernel(). To add a dtype: a case in
// ForOperation().
#include "numpack/kernels/elementwise.h"

#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/elementwise.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// The operations. kScalars: as ScalarCount(). kTakes<T>: whether there is a kernel for lanes of
// type T.

struct Add {
  static constexpr int kScalars = 1;
  template <typename T>
  static constexpr bool kTakes = true;
  template <class V>
  HWY_INLINE V operator()(V x, V b) const {
    return hn::Add(x, b);
  }
};

struct Subtract {
  static constexpr int kScalars = 1;
  template <typename T>
  static constexpr bool kTakes = true;
  template <class V>
  HWY_INLINE V operator()(V x, V b) const {
    return hn::Sub(x, b);
  }
};

struct Multiply {
  static constexpr int kScalars = 1;
  template <typename T>
  static constexpr bool kTakes = true;
  template <class V>
  HWY_INLINE V operator()(V x, V b) const {
    return hn::Mul(x, b);
  }
};

struct Divide {
  static constexpr int kScalars = 1;
  template <typename T>
  static constexpr bool kTakes = hwy::IsFloat<T>();
  template <class V>
  HWY_INLINE V operator()(V x, V b) const {
    return hn::Div(x, b);
  }
};

struct MultiplyAdd {
  static constexpr int kScalars = 2;
  template <typename T>
  static constexpr bool kTakes = true;
  // Not hn::MulAdd: NumPy rounds twice. -ffp-contract=off keeps the compiler from fusing the two.
  template <class V>
  HWY_INLINE V operator()(V x, V a, V b) const {
    return hn::Add(hn::Mul(x, a), b);
  }
};

// The kinds of operand. They apply an operation to the vector x of elements that starts at index i;
// ApplyPartial has only `count` elements in it.

template <typename T>
struct OneScalar {
  const T b;

  explicit OneScalar(const std::byte* operand) : b(*reinterpret_cast<const T*>(operand)) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(Op op, D d, V x, size_t /*i*/) const {
    return op(x, hn::Set(d, b));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(Op op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

template <typename T>
struct TwoScalars {
  const T a;
  const T b;

  explicit TwoScalars(const std::byte* operand)
      : a(reinterpret_cast<const T*>(operand)[0]), b(reinterpret_cast<const T*>(operand)[1]) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(Op op, D d, V x, size_t /*i*/) const {
    return op(x, hn::Set(d, a), hn::Set(d, b));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(Op op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

// Lanes without an element repeat the first one, not zero: 0 / 0 would raise an exception that no
// element called for.
template <class D, typename T>
HWY_INLINE hn::Vec<D> LoadPartial(D d, const T* from, size_t count) {
  return hn::LoadNOr(hn::Set(d, *from), d, from, count);
}

template <typename T>
struct ArrayOfSameLength {
  const T* const b;

  explicit ArrayOfSameLength(const std::byte* operand) : b(reinterpret_cast<const T*>(operand)) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(Op op, D d, V x, size_t i) const {
    return op(x, hn::LoadU(d, b + i));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(Op op, D d, V x, size_t i, size_t count) const {
    return op(x, LoadPartial(d, b + i, count));
  }
};

// Vectors per round of the main loop. Without unrolling, loops in the second-level cache are 15 to
// 20 % slower.
constexpr size_t kUnroll = 4;

// The loop that all kernels share.
template <class Op, typename T, class Operand>
void UpdateAll(std::byte* bytes, const std::byte* operand_bytes, size_t elements) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  T* const data = reinterpret_cast<T*>(bytes);
  const Operand operand(operand_bytes);
  const Op op;

  const auto update_partial = [&](size_t i, size_t count) HWY_ATTR {
    hn::StoreN(operand.ApplyPartial(op, d, LoadPartial(d, data + i, count), i, count), d, data + i,
               count);
  };

  size_t i = 0;
  if (elements >= 2 * kUnroll * lanes) {
    // Up to a vector boundary, so that no access of the main loop straddles two cache lines.
    i = (0 - reinterpret_cast<uintptr_t>(data)) / sizeof(T) % lanes;
    if (i > 0) update_partial(0, i);
  }
  for (; elements - i >= kUnroll * lanes; i += kUnroll * lanes) {
    const auto x0 = operand.Apply(op, d, hn::LoadU(d, data + i), i);
    const auto x1 = operand.Apply(op, d, hn::LoadU(d, data + i + lanes), i + lanes);
    const auto x2 = operand.Apply(op, d, hn::LoadU(d, data + i + 2 * lanes), i + 2 * lanes);
    const auto x3 = operand.Apply(op, d, hn::LoadU(d, data + i + 3 * lanes), i + 3 * lanes);
    hn::StoreU(x0, d, data + i);
    hn::StoreU(x1, d, data + i + lanes);
    hn::StoreU(x2, d, data + i + 2 * lanes);
    hn::StoreU(x3, d, data + i + 3 * lanes);
  }
  for (; elements - i >= lanes; i += lanes) {
    hn::StoreU(operand.Apply(op, d, hn::LoadU(d, data + i), i), d, data + i);
  }
  if (i < elements) update_partial(i, elements - i);
}

// The table of kernels, one axis per function.

template <class Op, typename T>
Kernel ForLanes(OperandKind kind) {
  if constexpr (Op::template kTakes<T> && Op::kScalars == 2) {
    if (kind == OperandKind::kScalar) return &UpdateAll<Op, T, TwoScalars<T>>;
  } else if constexpr (Op::template kTakes<T>) {
    if (kind == OperandKind::kScalar) return &UpdateAll<Op, T, OneScalar<T>>;
    if (kind == OperandKind::kArray) return &UpdateAll<Op, T, ArrayOfSameLength<T>>;
  }
  return nullptr;
}

template <class Op>
Kernel ForOperation(OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return ForLanes<Op, float>(kind);
    case DType::kFloat64:
      return ForLanes<Op, double>(kind);
    // These operations give the same bits for signed and unsigned lanes, and only unsigned ones
    // wrap around without undefined behaviour wherever Highway falls back to plain C++.
    case DType::kInt32:
      return ForLanes<Op, uint32_t>(kind);
    case DType::kInt64:
      return ForLanes<Op, uint64_t>(kind);
    default:
      return nullptr;
  }
}

}  // namespace

Kernel FindKernelOfTarget(Operation operation, OperandKind kind, DType dtype) {
  switch (operation) {
    case Operation::kAdd:
      return ForOperation<Add>(kind, dtype);
    case Operation::kSubtract:
      return ForOperation<Subtract>(kind, dtype);
    case Operation::kMultiply:
      return ForOperation<Multiply>(kind, dtype);
    case Operation::kDivide:
      return ForOperation<Divide>(kind, dtype);
    case Operation::kMultiplyAdd:
      return ForOperation<MultiplyAdd>(kind, dtype);
  }
  return nullptr;
}

int64_t CompiledTarget() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindKernelOfTarget);
HWY_EXPORT(CompiledTarget);
}  // namespace

Kernel FindKernel(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindKernelOfTarget)(operation, kind, dtype);
}

const char* ActiveTarget() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(CompiledTarget)()); }

}  // namespace numpack
#endif  // HWY_ONCE
