// Comparisons of vectors, for the elements of any family.
#include "hwy/highway.h"
#include "numpack/kernels/loop-inl.h"
#include "numpack/kernels/operation.h"

// clang-format off
#if defined(NUMPACK_KERNELS_COMPARISON_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NUMPACK_KERNELS_COMPARISON_INL_H_
#undef NUMPACK_KERNELS_COMPARISON_INL_H_
#else
#define NUMPACK_KERNELS_COMPARISON_INL_H_
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {

struct Less {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Lt(x, a);
  }
};
struct LessEqual {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Le(x, a);
  }
};
struct Greater {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Gt(x, a);
  }
};
struct GreaterEqual {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Ge(x, a);
  }
};
struct Equal {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Eq(x, a);
  }
};
struct NotEqual {
  template <class V>
  HWY_INLINE auto operator()(V x, V a) const {
    return hn::Not(hn::Eq(x, a));  // hn::Ne is false of NaN on some instruction sets
  }
};

// Base: Quiet for floating-point lanes, as comparing NaN raises an exception on some instruction
// sets; Loud for integers.

// x where it compares so, or is NaN; else b.
template <class Compare, class Base>
struct Extremum : Base {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      return hn::IfThenElse(MaskOr(Compare()(x, b), hn::IsNaN(x)), x, b);
    } else {
      return hn::IfThenElse(Compare()(x, b), x, b);
    }
  }
};

template <class Base>
struct Clip : Base {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V low, V high) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      x = hn::IfThenElse(MaskOr(hn::Lt(x, low), hn::IsNaN(low)), low, x);
      return hn::IfThenElse(MaskOr(hn::Gt(x, high), hn::IsNaN(high)), high, x);
    } else {
      return hn::Min(hn::Max(x, low), high);
    }
  }
};

template <class Compare, class Base>
struct Replace : Base {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V a, V b) const {
    return hn::IfThenElse(Compare()(x, a), b, x);
  }
};

// The kernels of E, which are loops over lanes of type T.
template <typename T, class E>
Kernel ForComparison(Operation operation, OperandKind kind) {
  using Base = hwy::If<hwy::IsFloat<T>(), Quiet, Loud>;
  switch (operation) {
    case Operation::kMinimum:
      return Binary<Extremum<Less, Base>, E>(kind);
    case Operation::kMaximum:
      return Binary<Extremum<Greater, Base>, E>(kind);
    case Operation::kClip:
      return WithTwoScalars<Clip<Base>, E>(kind);
    case Operation::kReplaceLess:
      return WithTwoScalars<Replace<Less, Base>, E>(kind);
    case Operation::kReplaceLessEqual:
      return WithTwoScalars<Replace<LessEqual, Base>, E>(kind);
    case Operation::kReplaceGreater:
      return WithTwoScalars<Replace<Greater, Base>, E>(kind);
    case Operation::kReplaceGreaterEqual:
      return WithTwoScalars<Replace<GreaterEqual, Base>, E>(kind);
    case Operation::kReplaceEqual:
      return WithTwoScalars<Replace<Equal, Base>, E>(kind);
    case Operation::kReplaceNotEqual:
      return WithTwoScalars<Replace<NotEqual, Base>, E>(kind);
    default:
      return nullptr;
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#endif  // NUMPACK_KERNELS_COMPARISON_INL_H_
