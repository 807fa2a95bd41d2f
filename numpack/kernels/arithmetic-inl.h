// Arithmetic on vectors, for the elements of any family.
#include <cmath>
#include <cstddef>

#include "hwy/highway.h"
#include "numpack/kernels/loop-inl.h"

// clang-format off
#if defined(NUMPACK_KERNELS_ARITHMETIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NUMPACK_KERNELS_ARITHMETIC_INL_H_
#undef NUMPACK_KERNELS_ARITHMETIC_INL_H_
#else
#define NUMPACK_KERNELS_ARITHMETIC_INL_H_
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {

struct Add : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Add(x, b);
  }
};

struct Subtract : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Sub(x, b);
  }
};

struct ReverseSubtract : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Sub(b, x);
  }
};

struct Multiply : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Mul(x, b);
  }
};

struct Divide : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V b) const {
    return hn::Div(x, b);
  }
};

struct MultiplyAdd : Loud {
  // Not hn::MulAdd: NumPy rounds twice. -ffp-contract=off keeps the compiler from fusing the two.
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x, V a, V b) const {
    return hn::Add(hn::Mul(x, a), b);
  }
};

struct FusedMultiplyAdd : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V a, V b) const {
#if HWY_NATIVE_FMA
    static_cast<void>(d);
    return hn::MulAdd(x, a, b);
#else  // hn::MulAdd would round twice
    using T = hn::TFromD<D>;
    HWY_ALIGN T xs[hn::MaxLanes(d)], as[hn::MaxLanes(d)], bs[hn::MaxLanes(d)];
    hn::Store(x, d, xs);
    hn::Store(a, d, as);
    hn::Store(b, d, bs);
    for (size_t i = 0; i < hn::Lanes(d); ++i) xs[i] = std::fma(xs[i], as[i], bs[i]);
    return hn::Load(d, xs);
#endif
  }
};

struct Negate : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::Neg(x);
    return hn::Sub(hn::Zero(d), x);
  }
};

struct Abs : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x) const {
    return hn::Abs(x);
  }
};

struct Unchanged : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x) const {
    return x;
  }
};

struct Square : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x) const {
    return hn::Mul(x, x);
  }
};

struct Sqrt : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V x) const {
    return hn::Sqrt(x);
  }
};

struct Reciprocal : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::Div(hn::Set(d, 1), x);
  }
};

struct Fill : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D /*d*/, V /*x*/, V b) const {
    return b;
  }
};

struct Power : Loud {
  static constexpr size_t kUnroll = 1;
};

// Powers by squaring, from the exponent's lowest bit up; none is computed that is not needed, so
// none overflows in vain.
template <class Element>
struct Exponent {
  const uint64_t exponent;

  explicit Exponent(const std::byte* operand)
      : exponent(static_cast<uint64_t>(
            Element::Read(reinterpret_cast<const typename Element::Stored*>(operand)))) {}
  template <class D, class V>
  HWY_INLINE V Apply(const Power& /*op*/, D d, V x, size_t /*i*/) const {
    V result = hn::Set(d, 1);
    for (uint64_t bits = exponent; bits != 0;) {
      if ((bits & 1) != 0) result = hn::Mul(result, x);
      bits >>= 1;
      if (bits != 0) x = hn::Mul(x, x);
    }
    return result;
  }
  template <class D, class V>
  HWY_INLINE V ApplyPartial(const Power& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#endif  // NUMPACK_KERNELS_ARITHMETIC_INL_H_
