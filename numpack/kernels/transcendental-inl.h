// exp, log, tanh and sigmoid on vectors of float32 or float64: Highway's functions, with the
// special values and the exceptions that they leave to their caller.
#include <cfenv>
#include <limits>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "numpack/kernels/loop-inl.h"

// clang-format off
#if defined(NUMPACK_KERNELS_TRANSCENDENTAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NUMPACK_KERNELS_TRANSCENDENTAL_INL_H_
#undef NUMPACK_KERNELS_TRANSCENDENTAL_INL_H_
#else
#define NUMPACK_KERNELS_TRANSCENDENTAL_INL_H_
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {

// Highway's, for all x but NaN.
template <class D, class V>
HWY_INLINE V ExpOfNumber(D d, V x) {
  using T = hn::TFromD<D>;
  // Beyond the largest x with a finite result, and within the range in which Highway's is right.
  const V enough = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 89 : 710));
  return hn::Exp(d, hn::Min(x, enough));
}

struct Exp : Quiet {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V y = ExpOfNumber(d, x);
    const auto finite = hn::IsFinite(x);
    if (!hn::AllFalse(d, hn::And(finite, hn::IsInf(y)))) raised |= FE_OVERFLOW;
    const V smallest = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::min());
    if (!hn::AllFalse(d, hn::And(finite, hn::Lt(y, smallest)))) raised |= FE_UNDERFLOW;
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  }
};

struct Log : Quiet {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V zero = hn::Zero(d);
    const auto is_zero = hn::Eq(x, zero);
    const auto is_negative = hn::Lt(x, zero);
    const auto is_largest = hn::Eq(x, hn::Inf(d));
    if (!hn::AllFalse(d, is_zero)) raised |= FE_DIVBYZERO;
    if (!hn::AllFalse(d, is_negative)) raised |= FE_INVALID;
    const auto is_special = MaskOr(MaskOr(is_zero, is_negative), MaskOr(is_largest, hn::IsNaN(x)));
    V special = hn::IfThenElse(is_zero, hn::Neg(hn::Inf(d)), x);
    special = hn::IfThenElse(is_negative, hn::NaN(d), special);
    const V one = hn::Set(d, 1);
    return hn::IfThenElse(is_special, special, hn::Log(d, hn::IfThenElse(is_special, one, x)));
  }
};

struct Tanh : Quiet {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    using T = hn::TFromD<D>;
    // From the bound on it is 1, and below the other one x, as far as T can tell.
    const V bound = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 10 : 20));
    const V tiny = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 1e-4 : 1e-9));
    const V y = hn::Tanh(d, hn::Clamp(x, hn::Neg(bound), bound));
    return hn::IfThenElse(MaskOr(hn::IsNaN(x), hn::Lt(hn::Abs(x), tiny)), x, y);
  }
};

struct Sigmoid : Quiet {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V one = hn::Set(d, 1);
    const V power = ExpOfNumber(d, hn::Neg(hn::Abs(x)));  // at most 1, so nothing overflows
    const V numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), power, one);
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Div(numerator, hn::Add(one, power)));
  }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#endif  // NUMPACK_KERNELS_TRANSCENDENTAL_INL_H_
