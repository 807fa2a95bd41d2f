// complex64 and complex128: real and imaginary parts side by side in two lanes.
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/complex.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/arithmetic-inl.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

// -v in the lanes of real parts.
template <class D, class V>
HWY_INLINE V NegateReal(D d, V v) {
  return hn::Xor(v, hn::OddEven(hn::Zero(d), hn::SignBit(d)));
}

struct ComplexMultiply : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    const V by_real = hn::Mul(hn::DupEven(x), b);
    const V by_imaginary = hn::Mul(hn::DupOdd(x), hn::Reverse2(d, b));
    return hn::Add(by_real, NegateReal(d, by_imaginary));
  }
};

struct ComplexMultiplyAdd : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V a, V b) const {
    return hn::Add(ComplexMultiply()(d, x, a), b);
  }
};

struct ComplexSquare : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return ComplexMultiply()(d, x, x);
  }
};

// R. L. Smith's algorithm, with NumPy's roundings: the larger part n of b is divided by, so that no
// square of it overflows. m is the smaller one, ratio = m / n, scale = 1 / (n + m * ratio), and the
// quotient of x = (r, i):
//
//   n is the real part of b:       ((r + i * ratio) * scale, (i - r * ratio) * scale)
//   n is the imaginary part of b:  ((r * ratio + i) * scale, (i * ratio - r) * scale)
struct ComplexDivide : Loud {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V b) const {
    const hn::RebindToUnsigned<D> du;
    const V one = hn::Set(d, 1);
    // Compared by their bits, as comparing NaN raises an exception.
    const auto magnitude = hn::BitCast(du, hn::Abs(b));
    const auto real = hn::DupEven(magnitude);
    const auto imaginary = hn::DupOdd(magnitude);
    const auto real_is_larger = hn::RebindMask(d, hn::Ge(real, imaginary));
    const auto by_zero = hn::RebindMask(d, hn::Eq(hn::Or(real, imaginary), hn::Zero(du)));

    // Where b is zero, this computes 0 / 1.
    const V straight = hn::IfThenZeroElse(by_zero, x);
    const V swapped = hn::Reverse2(d, straight);
    const V n =
        hn::IfThenElse(by_zero, one, hn::IfThenElse(real_is_larger, hn::DupEven(b), hn::DupOdd(b)));
    const V m = hn::IfThenElse(real_is_larger, hn::DupOdd(b), hn::DupEven(b));
    const V ratio = hn::Div(m, n);
    const V scale = hn::Div(one, hn::Add(n, hn::Mul(m, ratio)));
    // What is multiplied by the ratio, what is not, and which of them is subtracted.
    const V product = hn::Mul(hn::IfThenElse(real_is_larger, swapped, straight), ratio);
    const V term = hn::IfThenElse(real_is_larger, straight, swapped);
    const V minus = hn::OddEven(hn::SignBit(d), hn::Zero(d));
    const V result =
        hn::Mul(hn::Add(hn::IfThenElse(real_is_larger, term, hn::Xor(term, minus)),
                        hn::IfThenElse(real_is_larger, hn::Xor(product, minus), product)),
                scale);
    if (hn::AllFalse(d, by_zero)) return result;
    const V zero = hn::DupEven(hn::Abs(b));
    return hn::IfThenElse(by_zero, hn::Div(x, hn::IfThenElse(by_zero, zero, one)), result);
  }
};

template <typename T>
Kernel ForParts(Operation operation, OperandKind kind) {
  using E = Complex<T>;
  switch (operation) {
    case Operation::kAdd:
      return Binary<Add, E>(kind);
    case Operation::kSubtract:
      return Binary<Subtract, E>(kind);
    case Operation::kReverseSubtract:
      return Binary<ReverseSubtract, E>(kind);
    case Operation::kMultiply:
      return Binary<ComplexMultiply, E>(kind);
    case Operation::kDivide:
      return Binary<ComplexDivide, E>(kind);
    case Operation::kMultiplyAdd:
      return WithTwoScalars<ComplexMultiplyAdd, E>(kind);
    case Operation::kNegate:
      return Unary<Negate, E>(kind);
    case Operation::kSquare:
      return Unary<ComplexSquare, E>(kind);
    case Operation::kFill:
      return WithScalar<Fill, E>(kind);
    default:
      return nullptr;
  }
}

}  // namespace

Kernel FindComplexOfTarget(Operation operation, OperandKind kind, DType dtype) {
  if (dtype == DType::kComplex64) return ForParts<float>(operation, kind);
  if (dtype == DType::kComplex128) return ForParts<double>(operation, kind);
  return nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindComplexOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindComplex(Operation operation, OperandKind kind, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(FindComplexOfTarget)(operation, kind, dtype);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
