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

// x86 has no products of bytes: those of the even and of the odd ones, as the low bytes of wider
// lanes, are quicker than Highway's, which widens every byte.
template <class D, class V>
HWY_INLINE V Product(D d, V x, V b) {
#if HWY_ARCH_X86
  if constexpr (sizeof(hn::TFromD<D>) == 1) {
    const hn::RepartitionToWide<hn::RebindToUnsigned<D>> wide;
    const auto x2 = hn::BitCast(wide, x);
    const auto b2 = hn::BitCast(wide, b);
    const auto low = hn::Set(wide, 0xFF);
    // The odd byte of b, where it lies, makes its product come out there.
    const auto odd = hn::Mul(hn::ShiftRight<8>(x2), hn::AndNot(low, b2));
    return hn::BitCast(d, hn::Or(odd, hn::And(hn::Mul(x2, b2), low)));
  }
#endif
  static_cast<void>(d);
  return hn::Mul(x, b);
}

struct Multiply : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    return Product(d, x, b);
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
  HWY_INLINE V operator()(D d, V x, V a, V b) const {
    return hn::Add(Product(d, x, a), b);
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
  HWY_INLINE V operator()(D d, V x) const {
    return Product(d, x, x);
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
      if ((bits & 1) != 0) result = Product(d, result, x);
      bits >>= 1;
      if (bits != 0) x = Product(d, x, x);
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
