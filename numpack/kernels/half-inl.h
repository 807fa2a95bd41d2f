// float16 in memory and float32 in vectors; what rounds one to the other.
#include <cfenv>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/arithmetic-inl.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/loop-inl.h"

// clang-format off
#if defined(NUMPACK_KERNELS_HALF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NUMPACK_KERNELS_HALF_INL_H_
#undef NUMPACK_KERNELS_HALF_INL_H_
#else
#define NUMPACK_KERNELS_HALF_INL_H_
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {

// Whether there is an instruction for it. Highway's own substitutes do not convert infinities and
// NaN, so the ones below, which raise no exception but inexact, stand in for them.
#if HWY_TARGET_IS_NEON || HWY_TARGET_IS_SVE || \
    (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C))
inline constexpr bool kConvertsHalves = true;
#else
inline constexpr bool kConvertsHalves = false;
#endif

// Vectors of 16 bits with as many lanes as D, of 32 bits, has.
template <class D>
using HalfBits = hn::Rebind<uint16_t, D>;

template <class D>
HWY_INLINE hn::Vec<D> FromHalf(D d, hn::Vec<HalfBits<D>> half) {
  if constexpr (kConvertsHalves) {
    return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, D>(), half));
  } else {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::PromoteTo(du, half);
    const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFF));
    const auto sign = hn::ShiftLeft<16>(hn::Xor(bits, magnitude));
    const auto infinity = hn::Set(du, 0x7C00);
    const auto exponent =
        hn::IfThenElse(hn::Ge(magnitude, infinity), hn::Set(du, (255U - 31) << 23),
                       hn::Set(du, (127U - 15) << 23));
    const auto quiet =
        hn::IfThenElseZero(hn::Gt(magnitude, infinity), hn::Set(du, 0x00400000));  // NaN
    const auto normal = hn::Or(hn::Add(hn::ShiftLeft<13>(magnitude), exponent), quiet);
    const auto subnormal =
        hn::Mul(hn::ConvertTo(d, hn::BitCast(di, magnitude)), hn::Set(d, 1.0F / (1 << 24)));
    const auto result =
        hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x0400)), hn::BitCast(du, subnormal), normal);
    return hn::BitCast(d, hn::Or(result, sign));
  }
}

template <class D>
HWY_INLINE hn::Vec<HalfBits<D>> ToHalf(D d, hn::Vec<D> value) {
  const HalfBits<D> dh;
  if constexpr (kConvertsHalves) {
    return hn::BitCast(dh, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), value));
  } else {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(di, value);
    const auto magnitude = hn::And(bits, hn::Set(di, 0x7FFFFFFF));
    const auto sign = hn::And(hn::ShiftRight<16>(hn::BitCast(du, bits)), hn::Set(du, 0x8000));
    // Half a unit in the last place is added, a trifle less where that is even.
    const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(di, 1));
    const auto rounded = hn::Add(magnitude, hn::Add(odd, hn::Set(di, 0x0FFF - (112 << 23))));
    const auto normal = hn::Min(hn::ShiftRight<13>(rounded), hn::Set(di, 0x7C00));
    const auto nan =
        hn::Or(hn::And(hn::ShiftRight<13>(magnitude), hn::Set(di, 0x03FF)), hn::Set(di, 0x7E00));
    // Units in the last place of 0.5 are those of subnormal halves.
    const auto smallest = hn::Set(di, 0x38800000);
    const auto half = hn::Set(d, 0.5F);
    const auto sum = hn::Add(hn::BitCast(d, hn::Min(magnitude, smallest)), half);
    const auto subnormal = hn::Sub(hn::BitCast(di, sum), hn::BitCast(di, half));
    auto result = hn::IfThenElse(hn::Lt(magnitude, smallest), subnormal, normal);
    result = hn::IfThenElse(hn::Gt(magnitude, hn::Set(di, 0x7F800000)), nan, result);
    return hn::TruncateTo(dh, hn::Or(hn::BitCast(du, result), sign));
  }
}

struct Half {
  using Stored = uint16_t;
  using Tag = hn::ScalableTag<float>;
  using Vector = hn::Vec<Tag>;
  using Scalar = float;
  static constexpr size_t kLanes = 1;

  static Scalar Read(const uint16_t* from) { return ToFloat32(Float16{*from}); }
  static HWY_INLINE Vector Repeat(Tag d, Scalar value) { return hn::Set(d, value); }
  static HWY_INLINE Vector Load(Tag d, const uint16_t* from) {
    return FromHalf(d, hn::LoadU(HalfBits<Tag>(), from));
  }
  static HWY_INLINE Vector LoadPartial(Tag d, const uint16_t* from, size_t count) {
    const HalfBits<Tag> dh;
    return FromHalf(d, hn::LoadNOr(hn::Set(dh, *from), dh, from, count));
  }
  static HWY_INLINE void Store(Vector v, Tag d, uint16_t* to) {
    hn::StoreU(ToHalf(d, v), HalfBits<Tag>(), to);
  }
  static HWY_INLINE void StorePartial(Vector v, Tag d, uint16_t* to, size_t count) {
    hn::StoreN(ToHalf(d, v), HalfBits<Tag>(), to, count);
  }
};

// Rounds to the nearest half, and raises overflow and underflow as NumPy does: the latter for
// inexact results below the smallest normal half, before they are rounded.
template <class Base>
struct Rounding : Base {
  template <class D, class V>
  HWY_INLINE V Round(D d, V value) const {
    const hn::RebindToSigned<D> di;
    const V rounded = FromHalf(d, ToHalf(d, value));
    // On bits, as comparing NaN raises an exception. The sign too: of x * x, GCC takes Abs() for
    // needless, which a NaN's sign is not.
    const auto infinity = hn::Set(di, 0x7F800000);
    const auto magnitude = hn::Set(di, 0x7FFFFFFF);
    const auto before = hn::And(hn::BitCast(di, value), magnitude);
    const auto after = hn::And(hn::BitCast(di, rounded), magnitude);
    const auto overflow = hn::And(hn::Eq(after, infinity), hn::Lt(before, infinity));
    const auto underflow = hn::And(hn::Lt(before, hn::Set(di, 0x38800000)), hn::Ne(before, after));
    if (!hn::AllFalse(di, MaskOr(overflow, underflow))) {
      if (!hn::AllFalse(di, overflow)) this->raised |= FE_OVERFLOW;
      if (!hn::AllFalse(di, underflow)) this->raised |= FE_UNDERFLOW;
    }
    return rounded;
  }
};

// An operation on floats, rounded.
template <class Op>
struct Rounded : Rounding<hwy::If<Op::kQuiet, Quiet, Raising>> {
  static constexpr size_t kUnroll = 1;
  template <class D, class V, class... Operands>
  HWY_INLINE V operator()(D d, V x, Operands... operands) const {
    const Op op;
    const V result = op(d, x, operands...);
    if constexpr (Op::kQuiet) this->raised |= op.raised;
    return this->Round(d, result);
  }
};

// Rounded twice, as NumPy does.
struct RoundedMultiplyAdd : Rounding<Raising> {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V a, V b) const {
    return Round(d, hn::Add(Round(d, hn::Mul(x, a)), b));
  }
};

// Powers are computed with floats and rounded once.
struct RoundedPower : Rounding<Raising> {
  static constexpr size_t kUnroll = 1;
};
struct RoundedExponent : Exponent<Half> {
  using Exponent<Half>::Exponent;
  template <class D, class V>
  HWY_INLINE V Apply(const RoundedPower& op, D d, V x, size_t i) const {
    return op.Round(d, Exponent<Half>::Apply(Power(), d, x, i));
  }
  template <class D, class V>
  HWY_INLINE V ApplyPartial(const RoundedPower& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

// Of the bits: no other sign and no other rounding.
struct FlipSign : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::Xor(x, hn::Set(d, 0x8000));
  }
};
struct ClearSign : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::And(x, hn::Set(d, 0x7FFF));
  }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#endif  // NUMPACK_KERNELS_HALF_INL_H_
