// Bits, logic and shifts; all that bool can do.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/bits.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

struct BitwiseAnd : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::And(x, b);
  }
};

struct BitwiseOr : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Or(x, b);
  }
};

struct BitwiseXor : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Xor(x, b);
  }
};

struct BitwiseNot : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x) const {
    return hn::Not(x);
  }
};

// Counts are compared without their sign, so a negative one is too large as well.
template <class D, class V>
HWY_INLINE auto CountIsSmall(D d, V count) {
  return hn::Lt(count, hn::Set(d, static_cast<hn::TFromD<D>>(sizeof(hn::TFromD<D>) * 8)));
}

// Whether shifts by a count for each lane give 0 where the count is too large, of themselves. For
// Highway that is open; VPSLLVD and its kin are specified so (Intel, Software Developer's Manual).
template <typename T>
constexpr bool TooLargeCountsGiveZero() {
  return HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && sizeof(T) >= sizeof(uint32_t);
}

// Shifts are quiet, as instruction sets without such shifts make powers of two of floats.

// Of signed lanes too: T is unsigned.
struct LeftShift : Quiet {
  template <class D, class V>
  HWY_INLINE V ByOne(D d, V x, size_t count) const {
    if (count >= sizeof(hn::TFromD<D>) * 8) return hn::Zero(d);
    return hn::ShiftLeftSame(x, static_cast<int>(count));
  }
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V count) const {
    using T = hn::TFromD<D>;
    if constexpr (TooLargeCountsGiveZero<T>()) return hn::Shl(x, count);
    const auto small = CountIsSmall(d, count);
    const V bounded = hn::And(count, hn::Set(d, static_cast<T>(sizeof(T) * 8 - 1)));
    return hn::IfThenElseZero(small, hn::Shl(x, bounded));
  }
};

struct RightShift : Quiet {
  template <class D, class V>
  HWY_INLINE V ByOne(D d, V x, size_t count) const {
    constexpr size_t kLast = sizeof(hn::TFromD<D>) * 8 - 1;
    if (!hwy::IsSigned<hn::TFromD<D>>() && count > kLast) return hn::Zero(d);
    return hn::ShiftRightSame(x, static_cast<int>(HWY_MIN(count, kLast)));
  }
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V count) const {
    using T = hn::TFromD<D>;
    const V last = hn::Set(d, static_cast<T>(sizeof(T) * 8 - 1));
    if constexpr (hwy::IsSigned<T>()) {
      // What is left of a number whose bits are all shifted out is its sign: 0 or -1, as when but
      // one bit is left.
      const hn::RebindToUnsigned<D> du;
      const auto bounded = hn::Min(hn::BitCast(du, count), hn::BitCast(du, last));
      return hn::Shr(x, hn::BitCast(d, bounded));
    } else if constexpr (TooLargeCountsGiveZero<T>()) {
      return hn::Shr(x, count);
    } else {
      return hn::IfThenElseZero(CountIsSmall(d, count), hn::Shr(x, hn::And(count, last)));
    }
  }
};

// One count for all elements: instruction sets have shifts by one count that have none by many. A
// negative one is too large as well.
template <typename T>
struct OneCount {
  const size_t count;

  explicit OneCount(const std::byte* operand)
      : count(*reinterpret_cast<const hwy::MakeUnsigned<T>*>(operand)) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(const Op& op, D d, V x, size_t /*i*/) const {
    return op.ByOne(d, x, count);
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(const Op& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

template <class Op, typename T>
Kernel Shift(OperandKind kind) {
  if (kind == OperandKind::kScalar) return &UpdateAll<Op, Plain<T>, OneCount<T>>;
  return Binary<Op, Plain<T>>(kind);
}

// Logic on the bits of lanes: `kDropped` of the highest bits do not count (the sign of a
// floating-point zero), and `kOne` is the number 1. Exclusive and inclusive or, and, not: what
// Combine makes of masks.
template <int kDropped, uint64_t kOne>
struct Lanes {
  template <class D, class V>
  static HWY_INLINE auto IsTrue(D d, V x) {
    if constexpr (kDropped > 0) x = hn::ShiftLeft<kDropped>(x);
    return hn::Ne(x, hn::Zero(d));
  }
  template <class D, class M>
  static HWY_INLINE hn::Vec<D> Number(D d, M mask) {
    return hn::IfThenElseZero(mask, hn::Set(d, static_cast<hn::TFromD<D>>(kOne)));
  }
};

template <class L>
struct LogicalAnd : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    return L::Number(d, hn::And(L::IsTrue(d, x), L::IsTrue(d, b)));
  }
};

template <class L>
struct LogicalOr : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    return L::Number(d, L::IsTrue(d, hn::Or(x, b)));
  }
};

template <class L>
struct LogicalXor : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    return L::Number(d, MaskXor(L::IsTrue(d, x), L::IsTrue(d, b)));
  }
};

template <class L>
struct LogicalNot : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return L::Number(d, hn::Not(L::IsTrue(d, x)));
  }
};

template <class L>
struct IsTrue : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return L::Number(d, L::IsTrue(d, x));
  }
  template <class D, class V>
  HWY_INLINE V operator()(D d, V /*x*/, V b) const {
    return L::Number(d, L::IsTrue(d, b));
  }
};

template <typename T, class L>
Kernel ForLogic(Operation operation, OperandKind kind) {
  using E = Plain<T>;
  switch (operation) {
    case Operation::kLogicalAnd:
      return Binary<LogicalAnd<L>, E>(kind);
    case Operation::kLogicalOr:
      return Binary<LogicalOr<L>, E>(kind);
    case Operation::kLogicalXor:
      return Binary<LogicalXor<L>, E>(kind);
    case Operation::kLogicalNot:
      return Unary<LogicalNot<L>, E>(kind);
    default:
      return nullptr;
  }
}

template <typename T>
Kernel ForInteger(Operation operation, OperandKind kind) {
  using E = Plain<hwy::MakeUnsigned<T>>;
  switch (operation) {
    case Operation::kBitwiseAnd:
      return Binary<BitwiseAnd, E>(kind);
    case Operation::kBitwiseOr:
      return Binary<BitwiseOr, E>(kind);
    case Operation::kBitwiseXor:
      return Binary<BitwiseXor, E>(kind);
    case Operation::kBitwiseNot:
      return Unary<BitwiseNot, E>(kind);
    case Operation::kLeftShift:
      return Shift<LeftShift, hwy::MakeUnsigned<T>>(kind);
    case Operation::kRightShift:
      return Shift<RightShift, T>(kind);
    default:
      return ForLogic<hwy::MakeUnsigned<T>, Lanes<0, 1>>(operation, kind);
  }
}

// Any byte but 0 is true, and results are 0 or 1.
Kernel ForBool(Operation operation, OperandKind kind) {
  using L = Lanes<0, 1>;
  switch (operation) {
    case Operation::kAdd:
    case Operation::kMaximum:
    case Operation::kBitwiseOr:
      return ForLogic<uint8_t, L>(Operation::kLogicalOr, kind);
    case Operation::kMultiply:
    case Operation::kMinimum:
    case Operation::kBitwiseAnd:
      return ForLogic<uint8_t, L>(Operation::kLogicalAnd, kind);
    case Operation::kBitwiseXor:
      return ForLogic<uint8_t, L>(Operation::kLogicalXor, kind);
    case Operation::kBitwiseNot:
      return ForLogic<uint8_t, L>(Operation::kLogicalNot, kind);
    case Operation::kAbs:
      return Unary<IsTrue<L>, Plain<uint8_t>>(kind);
    case Operation::kFill:
      return WithScalar<IsTrue<L>, Plain<uint8_t>>(kind);
    default:
      return ForLogic<uint8_t, L>(operation, kind);
  }
}

}  // namespace

Kernel FindBitsOfTarget(Operation operation, OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return ForBool(operation, kind);
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
    case DType::kFloat16:
      return ForLogic<uint16_t, Lanes<1, 0x3C00>>(operation, kind);
    case DType::kFloat32:
      return ForLogic<uint32_t, Lanes<1, 0x3F800000>>(operation, kind);
    case DType::kFloat64:
      return ForLogic<uint64_t, Lanes<1, 0x3FF0000000000000>>(operation, kind);
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
HWY_EXPORT(FindBitsOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindBits(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindBitsOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
