// Floor division and remainder of integers.
#include <cfenv>
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/division.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/arithmetic-inl.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

// Of integers. Quotients round down; b * quotient + remainder is x, in two's complement.

struct Quotient : Quiet {
  static constexpr size_t kUnroll = 1;
  static constexpr bool kIsQuotient = true;
};

struct Remainder : Quiet {
  static constexpr size_t kUnroll = 1;
  static constexpr bool kIsQuotient = false;
};

// Op's result, given the quotient that is rounded towards zero.
template <class Op, class D, class V>
HWY_INLINE V RoundedDown(const Op& /*op*/, D d, V x, V b, V quotient) {
  const V remainder = hn::Sub(x, Product(d, quotient, b));
  if constexpr (hwy::IsSigned<hn::TFromD<D>>()) {
    const auto not_zero = hn::Ne(remainder, hn::Zero(d));
    const auto signs_differ = hn::Lt(hn::Xor(remainder, b), hn::Zero(d));
    const auto down = hn::And(not_zero, signs_differ);
    return Op::kIsQuotient ? hn::Add(quotient, hn::VecFromMask(d, down))  // - 1
                           : hn::Add(remainder, hn::IfThenElseZero(down, b));
  } else {
    return Op::kIsQuotient ? quotient : remainder;
  }
}

// The smallest number by -1, whose quotient does not fit and wraps around.
template <class Op, class D, class V>
HWY_INLINE hn::Mask<D> FindOverflow(const Op& op, D d, V x, V b) {
  using T = hn::TFromD<D>;
  const auto too_large = hn::And(hn::Eq(x, hn::Set(d, hwy::LimitsMin<T>())),
                                 hn::Eq(b, hn::Set(d, static_cast<T>(-1))));
  if (Op::kIsQuotient && !hn::AllFalse(d, too_large)) op.raised |= FE_OVERFLOW;
  return too_large;
}

// Rounded towards zero. Without AVX-512, Highway makes quotients of 64 bits of several of doubles:
// a processor's own division of one number after another is quicker.
template <class D, class V>
HWY_INLINE V TruncatedQuotient(D d, V x, V b) {
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 8) {
    HWY_ALIGN T xs[hn::MaxLanes(d)], bs[hn::MaxLanes(d)];
    hn::Store(x, d, xs);
    hn::Store(b, d, bs);
    for (size_t i = 0; i < hn::Lanes(d); ++i) xs[i] /= bs[i];
    return hn::Load(d, xs);
  }
#endif
  static_cast<void>(d);
  return hn::Div(x, b);
}

// By each element of an array. Divisors that the instructions could not bear are replaced by 1.
template <class Op>
struct ByArray : Op {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    using T = hn::TFromD<D>;
    const V one = hn::Set(d, T{1});
    const auto by_zero = hn::Eq(b, hn::Zero(d));
    if (!hn::AllFalse(d, by_zero)) this->raised |= FE_DIVBYZERO;
    V divisor = hn::IfThenElse(by_zero, one, b);
    if constexpr (hwy::IsSigned<T>()) {
      // By 1 the quotient is what it wraps around to, and the remainder is 0 too.
      divisor = hn::IfThenElse(FindOverflow(*this, d, x, b), one, divisor);
    }
    const V result = RoundedDown(*this, d, x, divisor, TruncatedQuotient(d, x, divisor));
    return hn::IfThenZeroElse(by_zero, result);
  }
};

// One divisor for all elements: multiplied by its inverse, as T. Granlund and P. Montgomery show in
// "Division by Invariant Integers using Multiplication". The multiplier has one bit more than the
// lanes, which is left out of `inverse` and made up for by an addition.
template <typename T>
struct OneDivisor {
  using U = hwy::MakeUnsigned<T>;
  static constexpr int kBits = static_cast<int>(sizeof(T) * 8);

  const T divisor;
  U inverse;
  int shift;  // the smallest with 2^shift >= |divisor|

  explicit OneDivisor(const std::byte* operand) : divisor(*reinterpret_cast<const T*>(operand)) {
    const U magnitude = Magnitude();
    shift = 0;
    while (shift < kBits && static_cast<U>(U{1} << shift) < magnitude) ++shift;
    inverse = magnitude > 1 ? Inverse(magnitude) : U{0};
  }

  template <class Op, class D, class V>
  HWY_INLINE V Apply(const Op& op, D d, V x, size_t /*i*/) const {
    if (divisor == 0) {
      op.raised |= FE_DIVBYZERO;
      return hn::Zero(d);
    }
    if constexpr (hwy::IsSigned<T>()) {
      if (divisor == -1) FindOverflow(op, d, x, hn::Set(d, divisor));
    }
    const V quotient = FloorQuotient(d, x);
    return Op::kIsQuotient ? quotient : hn::Sub(x, Product(d, quotient, hn::Set(d, divisor)));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(const Op& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }

 private:
  U Magnitude() const {
    if constexpr (hwy::IsSigned<T>()) {
      if (divisor < 0) return static_cast<U>(U{0} - static_cast<U>(divisor));
    }
    return static_cast<U>(divisor);
  }

  // floor(2^kBits * (2^shift - magnitude) / magnitude) + 1, by long division.
  U Inverse(U magnitude) const {
    U remainder =
        static_cast<U>((shift == kBits ? U{0} : static_cast<U>(U{1} << shift)) - magnitude);
    U quotient = 0;
    for (int i = 0; i < kBits; ++i) {
      const bool carry = (remainder >> (kBits - 1)) != 0;
      remainder = static_cast<U>(remainder << 1);
      quotient = static_cast<U>(quotient << 1);
      if (carry || remainder >= magnitude) {
        remainder = static_cast<U>(remainder - magnitude);
        quotient = static_cast<U>(quotient | 1);
      }
    }
    return static_cast<U>(quotient + 1);
  }

  // Rounded down. For y < 0 and m > 0 that is -1 - (-1 - y) / m, and -1 - y is ~y.
  template <class D, class V>
  HWY_INLINE V FloorQuotient(D d, V x) const {
    const hn::RebindToUnsigned<D> du;
    if constexpr (hwy::IsSigned<T>()) {
      // By |divisor|, of x or -x. The smallest number is its own negative, and right without a
      // sign.
      const V y = divisor < 0 ? hn::Neg(x) : x;
      const V is_negative =
          divisor < 0 ? hn::VecFromMask(d, hn::Gt(x, hn::Zero(d))) : hn::BroadcastSignBit(x);
      const auto quotient = DividedBy(du, hn::BitCast(du, hn::Xor(y, is_negative)));
      return hn::Xor(hn::BitCast(d, quotient), is_negative);
    } else {
      return DividedBy(du, x);
    }
  }

  template <class DU, class VU>
  HWY_INLINE VU DividedBy(DU du, VU x) const {
    if (shift == 0) return x;  // by 1
    const VU high = MulHighByInverse(du, x);
    const VU half = hn::ShiftRight<1>(hn::Sub(x, high));
    return hn::ShiftRightSame(hn::Add(half, high), shift - 1);
  }

  template <class DU, class VU>
  HWY_INLINE VU MulHighByInverse(DU du, VU x) const {
#if HWY_ARCH_X86
    if constexpr (sizeof(T) == 1) {  // as Product()
      const hn::RepartitionToWide<DU> wide;
      const auto factor = hn::Set(wide, inverse);
      const auto x2 = hn::BitCast(wide, x);
      const auto even = hn::Mul(hn::And(x2, hn::Set(wide, 0xff)), factor);
      const auto odd = hn::Mul(hn::ShiftRight<8>(x2), factor);
      return hn::OddEven(hn::BitCast(du, odd), hn::BitCast(du, hn::ShiftRight<8>(even)));
    }
#endif
    return hn::MulHigh(x, hn::Set(du, inverse));
  }
};

template <typename T, class Op>
Kernel ForInteger(OperandKind kind) {
  if (kind == OperandKind::kScalar) return &UpdateAll<Op, Plain<T>, OneDivisor<T>>;
  if (kind == OperandKind::kArray) {
    return &UpdateAll<ByArray<Op>, Plain<T>, ArrayOfSameLength<Plain<T>>>;
  }
  return nullptr;
}

template <class Op>
Kernel ForOperation(OperandKind kind, DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return ForInteger<uint8_t, Op>(kind);
    case DType::kInt8:
      return ForInteger<int8_t, Op>(kind);
    case DType::kUint16:
      return ForInteger<uint16_t, Op>(kind);
    case DType::kInt16:
      return ForInteger<int16_t, Op>(kind);
    case DType::kUint32:
      return ForInteger<uint32_t, Op>(kind);
    case DType::kInt32:
      return ForInteger<int32_t, Op>(kind);
    case DType::kUint64:
      return ForInteger<uint64_t, Op>(kind);
    case DType::kInt64:
      return ForInteger<int64_t, Op>(kind);
    default:
      return nullptr;
  }
}

}  // namespace

Kernel FindDivisionOfTarget(Operation operation, OperandKind kind, DType dtype) {
  if (operation == Operation::kFloorDivide) return ForOperation<Quotient>(kind, dtype);
  if (operation == Operation::kRemainder) return ForOperation<Remainder>(kind, dtype);
  return nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindDivisionOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindDivision(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindDivisionOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
