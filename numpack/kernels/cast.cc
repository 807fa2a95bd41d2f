// Casts between types of the same size, in place.
#include <cfenv>
#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numpack/kernels/cast.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "numpack/kernels/half-inl.h"
#include "numpack/kernels/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace {

// Integers of 16 bits in lanes of 32, as many as a vector of halves has. T: int16_t or uint16_t.
template <typename T>
struct Narrow {
  using Stored = T;
  using Tag = hn::ScalableTag<int32_t>;
  using Vector = hn::Vec<Tag>;
  static constexpr size_t kLanes = 1;

  static HWY_INLINE Vector Load(Tag d, const T* from) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<T, Tag>(), from));
  }
  static HWY_INLINE Vector LoadPartial(Tag d, const T* from, size_t count) {
    const hn::Rebind<T, Tag> dn;
    return hn::PromoteTo(d, hn::LoadNOr(hn::Set(dn, *from), dn, from, count));
  }
  static HWY_INLINE void Store(Vector v, Tag /*d*/, T* to) {
    const hn::Rebind<T, Tag> dn;
    hn::StoreU(hn::DemoteTo(dn, v), dn, to);
  }
  static HWY_INLINE void StorePartial(Vector v, Tag /*d*/, T* to, size_t count) {
    const hn::Rebind<T, Tag> dn;
    hn::StoreN(hn::DemoteTo(dn, v), dn, to, count);
  }
};

// From integers to as many bits of floating point.
template <class To>
struct ToFloat : Loud {
  template <class D, class V>
  HWY_INLINE auto operator()(D /*d*/, V x) const {
    return hn::ConvertTo(typename To::Tag(), x);
  }
};
struct ToRoundedHalf : Rounding<Raising> {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE auto operator()(D /*d*/, V x) const {
    const Half::Tag d;
    return Round(d, hn::ConvertTo(d, x));
  }
};

// The other way: the fraction is cut off. T: the integer type in memory.
template <class To, typename T>
struct ToInteger : Quiet {
  static constexpr size_t kUnroll = 1;
  template <class D, class V>
  HWY_INLINE auto operator()(D d, V x) const {
    using F = hn::TFromD<D>;
    const typename To::Tag di;
    // The least number above the range is a power of two, so exact.
    const F above = static_cast<F>(hwy::LimitsMax<T>() / 2 + 1) * 2;
    const auto too_large = hn::Ge(x, hn::Set(d, above));
    // All that is cut off to the least number is in range; of long integers there is nothing
    // between that and its neighbour.
    const F least = static_cast<F>(hwy::LimitsMin<T>());
    const auto too_small =
        least - 1 == least ? hn::Lt(x, hn::Set(d, least)) : hn::Le(x, hn::Set(d, least - 1));
    const auto outside = MaskOr(MaskOr(too_large, too_small), hn::IsNaN(x));
    if (!hn::AllFalse(d, outside)) raised |= FE_INVALID;
    auto result = hn::ConvertTo(di, hn::IfThenZeroElse(outside, x));
    result = hn::IfThenElse(hn::RebindMask(di, too_large), Limit(di, hwy::LimitsMax<T>()), result);
    return hn::IfThenElse(hn::RebindMask(di, too_small), Limit(di, hwy::LimitsMin<T>()), result);
  }

 private:
  template <class DI>
  static HWY_INLINE hn::Vec<DI> Limit(DI di, T limit) {
    return hn::Set(di, static_cast<hn::TFromD<DI>>(limit));
  }
};

struct ToBool : Loud {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenZeroElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, 1));
  }
};

// Integers of either sign have the same bits.
void ChangeNothing(std::byte* /*data*/, const std::byte* /*operand*/, size_t /*elements*/) {}

enum class Class : uint8_t { kBool, kSigned, kUnsigned, kFloat, kComplex };

Class ClassOf(DType dtype) {
  if (dtype == DType::kBool) return Class::kBool;
  if (dtype >= DType::kUint8 && dtype <= DType::kUint64) return Class::kUnsigned;
  if (dtype >= DType::kInt8 && dtype <= DType::kInt64) return Class::kSigned;
  return dtype <= DType::kFloat64 ? Class::kFloat : Class::kComplex;
}

// Between floating-point elements F and integers of as many bits, I signed and U unsigned.
template <class F, class I, class U>
Kernel ForFloat(Class from, Class to) {
  if (to == Class::kSigned) {
    return &UpdateAll<ToInteger<I, typename I::Stored>, F, NoOperand, I>;
  }
  if (to == Class::kUnsigned) {
    return &UpdateAll<ToInteger<U, typename U::Stored>, F, NoOperand, U>;
  }
  using Op = hwy::If<hwy::IsSame<F, Half>(), ToRoundedHalf, ToFloat<F>>;
  return from == Class::kSigned ? &UpdateAll<Op, I, NoOperand, F> : &UpdateAll<Op, U, NoOperand, F>;
}

}  // namespace

Kernel FindCastKernelOfTarget(DType from, DType to) {
  const Class a = ClassOf(from);
  const Class b = ClassOf(to);
  const size_t size = ItemSize(from);
  if (ItemSize(to) != size) return nullptr;
  if (from == to && a != Class::kBool) return &ChangeNothing;
  if (a == Class::kComplex || b == Class::kComplex) return nullptr;
  if (a == Class::kBool || b == Class::kBool) {
    return &UpdateAll<ToBool, Plain<uint8_t>, NoOperand>;
  }
  if (a != Class::kFloat && b != Class::kFloat) return &ChangeNothing;
  switch (size) {
    case 2:
      return ForFloat<Half, Narrow<int16_t>, Narrow<uint16_t>>(a, b);
    case 4:
      return ForFloat<Plain<float>, Plain<int32_t>, Plain<uint32_t>>(a, b);
    default:
      return ForFloat<Plain<double>, Plain<int64_t>, Plain<uint64_t>>(a, b);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace numpack {
namespace {
HWY_EXPORT(FindCastKernelOfTarget);
}  // namespace

namespace kernels_internal {

Kernel FindCastKernel(DType from, DType to) {
  return HWY_DYNAMIC_DISPATCH(FindCastKernelOfTarget)(from, to);
}

}  // namespace kernels_internal
}  // namespace numpack
#endif  // HWY_ONCE
