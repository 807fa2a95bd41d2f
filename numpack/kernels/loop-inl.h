// The loop that all kernels share, and what it is made of: how elements lie in memory (Plain, Half,
// Complex) and where the values beside them come from (NoOperand, OneScalar, ...). Included once
// per instruction set by the source of each family, as Highway wants it.
//
// An operation is a struct with a call operator on vectors: op(d, x), op(d, x, b) or
// op(d, x, a, b), for a Highway tag d. It derives from Loud, Raising or Quiet.
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"

// clang-format off
#if defined(NUMPACK_KERNELS_LOOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NUMPACK_KERNELS_LOOP_INL_H_
#undef NUMPACK_KERNELS_LOOP_INL_H_
#else
#define NUMPACK_KERNELS_LOOP_INL_H_
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace numpack {  // NOLINT(modernize-concat-nested-namespaces): HWY_NAMESPACE is a macro
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Masks: true where one of two is, or exactly one. Highway's Or and Xor of masks are a choice
// between masks on SVE, which GCC 12 takes for one between 16 bits, however many there are.
template <class M>
HWY_INLINE M MaskOr(M a, M b) {
#if HWY_TARGET_IS_SVE
  return svorr_b_z(svptrue_b8(), a, b);
#else
  return hn::Or(a, b);
#endif
}
template <class M>
HWY_INLINE M MaskXor(M a, M b) {
#if HWY_TARGET_IS_SVE
  return sveor_b_z(svptrue_b8(), a, b);
#else
  return hn::Xor(a, b);
#endif
}

// Operations whose instructions raise just the floating-point exceptions that they should.
struct Loud {
  static constexpr bool kQuiet = false;
  static constexpr int raised = 0;
};

// Operations whose instructions do not raise them all: those in `raised` are added at the end.
struct Raising {
  static constexpr bool kQuiet = false;
  mutable int raised = 0;
};

// Operations whose instructions raise others, which are taken back at the end; those in `raised`
// are added.
struct Quiet {
  static constexpr bool kQuiet = true;
  mutable int raised = 0;
};

// Clears what is raised while it lives and was not raised before.
class ExceptionsTakenBack {
 public:
  ExceptionsTakenBack() : before_(std::fetestexcept(FE_ALL_EXCEPT)) {}
  void TakeBack() const {
    const int raised = std::fetestexcept(FE_ALL_EXCEPT) & ~before_;
    if (raised != 0) std::feclearexcept(raised);
  }

 private:
  const int before_;
};

// How elements lie in memory and in vectors. kLanes: lanes per element. Lanes without an element
// repeat the first one, not zero: 0 / 0 would raise an exception that no element called for.

// As they are.
template <typename T>
struct Plain {
  using Stored = T;
  using Tag = hn::ScalableTag<T>;
  using Vector = hn::Vec<Tag>;
  using Scalar = T;
  static constexpr size_t kLanes = 1;

  static Scalar Read(const T* from) { return *from; }
  static HWY_INLINE Vector Repeat(Tag d, Scalar value) { return hn::Set(d, value); }
  static HWY_INLINE Vector Load(Tag d, const T* from) { return hn::LoadU(d, from); }
  static HWY_INLINE Vector LoadPartial(Tag d, const T* from, size_t count) {
    return hn::LoadNOr(hn::Set(d, *from), d, from, count);
  }
  static HWY_INLINE void Store(Vector v, Tag d, T* to) { hn::StoreU(v, d, to); }
  static HWY_INLINE void StorePartial(Vector v, Tag d, T* to, size_t count) {
    hn::StoreN(v, d, to, count);
  }
};

// Pairs of a real and an imaginary part, side by side in two lanes.
template <typename T>
struct Complex {
  using Stored = T;
  using Tag = hn::ScalableTag<T>;
  using Vector = hn::Vec<Tag>;
  struct Scalar {
    T real;
    T imaginary;
  };
  static constexpr size_t kLanes = 2;

  static Scalar Read(const T* from) { return {from[0], from[1]}; }
  static HWY_INLINE Vector Repeat(Tag d, Scalar value) {
    return hn::OddEven(hn::Set(d, value.imaginary), hn::Set(d, value.real));
  }
  static HWY_INLINE Vector Load(Tag d, const T* from) { return hn::LoadU(d, from); }
  static HWY_INLINE Vector LoadPartial(Tag d, const T* from, size_t count) {
    return hn::LoadNOr(Repeat(d, Read(from)), d, from, count);
  }
  static HWY_INLINE void Store(Vector v, Tag d, T* to) { hn::StoreU(v, d, to); }
  static HWY_INLINE void StorePartial(Vector v, Tag d, T* to, size_t count) {
    hn::StoreN(v, d, to, count);
  }
};

// Where the values beside the elements come from. Apply() applies an operation to the vector x of
// elements that starts at lane i; ApplyPartial() has only `count` elements in it.

struct NoOperand {
  explicit NoOperand(const std::byte* /*operand*/) {}
  template <class Op, class D, class V>
  HWY_INLINE auto Apply(const Op& op, D d, V x, size_t /*i*/) const {
    return op(d, x);
  }
  template <class Op, class D, class V>
  HWY_INLINE auto ApplyPartial(const Op& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

template <class Element>
struct OneScalar {
  const typename Element::Scalar b;

  explicit OneScalar(const std::byte* operand)
      : b(Element::Read(reinterpret_cast<const typename Element::Stored*>(operand))) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(const Op& op, D d, V x, size_t /*i*/) const {
    return op(d, x, Element::Repeat(d, b));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(const Op& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

template <class Element>
struct TwoScalars {
  const typename Element::Scalar a;
  const typename Element::Scalar b;

  explicit TwoScalars(const std::byte* operand)
      : a(Element::Read(reinterpret_cast<const typename Element::Stored*>(operand))),
        b(Element::Read(reinterpret_cast<const typename Element::Stored*>(operand) +
                        Element::kLanes)) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(const Op& op, D d, V x, size_t /*i*/) const {
    return op(d, x, Element::Repeat(d, a), Element::Repeat(d, b));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(const Op& op, D d, V x, size_t i, size_t /*count*/) const {
    return Apply(op, d, x, i);
  }
};

template <class Element>
struct ArrayOfSameLength {
  const typename Element::Stored* const b;

  explicit ArrayOfSameLength(const std::byte* operand)
      : b(reinterpret_cast<const typename Element::Stored*>(operand)) {}
  template <class Op, class D, class V>
  HWY_INLINE V Apply(const Op& op, D d, V x, size_t i) const {
    return op(d, x, Element::Load(d, b + i));
  }
  template <class Op, class D, class V>
  HWY_INLINE V ApplyPartial(const Op& op, D d, V x, size_t i, size_t count) const {
    return op(d, x, Element::LoadPartial(d, b + i, count));
  }
};

// Vectors per round of the main loop. Without unrolling, loops in the second-level cache are 15 to
// 20 % slower; operations of many instructions have nothing of it (kUnroll = 1 in the operation).
template <class Op, typename = void>
struct Unrolled {
  static constexpr size_t kVectors = 4;
};
template <class Op>
struct Unrolled<Op, decltype(static_cast<void>(Op::kUnroll))> {
  static constexpr size_t kVectors = Op::kUnroll;
};

// `from` and `to` are the same type but for casts.
template <class Op, class From, class Operand, class To = From>
void UpdateAll(std::byte* bytes, const std::byte* operand_bytes, size_t elements) {
  using Stored = typename From::Stored;
  using Result = typename To::Stored;
  constexpr size_t kUnroll = Unrolled<Op>::kVectors;
  const typename From::Tag d;
  const typename To::Tag to;
  const size_t lanes = hn::Lanes(d);
  Stored* const data = reinterpret_cast<Stored*>(bytes);
  Result* const results = reinterpret_cast<Result*>(bytes);
  const Operand operand(operand_bytes);
  const size_t total = elements * From::kLanes;
  [[maybe_unused]] const std::conditional_t<Op::kQuiet, ExceptionsTakenBack, Loud> exceptions;
  const Op op;

  const auto update_partial = [&](size_t i, size_t count) HWY_ATTR {
    const auto x = From::LoadPartial(d, data + i, count);
    To::StorePartial(operand.ApplyPartial(op, d, x, i, count), to, results + i, count);
  };

  size_t i = 0;
  if (total >= 2 * kUnroll * lanes) {
    // Up to a vector boundary, so that no access of the main loop straddles two cache lines.
    const size_t lead = (0 - reinterpret_cast<uintptr_t>(data)) / sizeof(Stored) % lanes;
    if (lead > 0 && lead % From::kLanes == 0) {
      update_partial(0, lead);
      i = lead;
    }
  }
  if constexpr (kUnroll == 4) {
    for (; total - i >= 4 * lanes; i += 4 * lanes) {
      const auto x0 = operand.Apply(op, d, From::Load(d, data + i), i);
      const auto x1 = operand.Apply(op, d, From::Load(d, data + i + lanes), i + lanes);
      const auto x2 = operand.Apply(op, d, From::Load(d, data + i + 2 * lanes), i + 2 * lanes);
      const auto x3 = operand.Apply(op, d, From::Load(d, data + i + 3 * lanes), i + 3 * lanes);
      To::Store(x0, to, results + i);
      To::Store(x1, to, results + i + lanes);
      To::Store(x2, to, results + i + 2 * lanes);
      To::Store(x3, to, results + i + 3 * lanes);
    }
  }
  for (; total - i >= lanes; i += lanes) {
    To::Store(operand.Apply(op, d, From::Load(d, data + i), i), to, results + i);
  }
  if (i < total) update_partial(i, total - i);
  if constexpr (Op::kQuiet) exceptions.TakeBack();
  if (op.raised != 0) std::feraiseexcept(op.raised);
}

// Parts of the tables of kernels.

// The values beside x all come from where the kind says.
template <class Op, class Element>
Kernel Unary(OperandKind kind) {
  return kind == OperandKind::kNone ? &UpdateAll<Op, Element, NoOperand> : nullptr;
}
template <class Op, class Element>
Kernel Binary(OperandKind kind) {
  if (kind == OperandKind::kScalar) return &UpdateAll<Op, Element, OneScalar<Element>>;
  if (kind == OperandKind::kArray) return &UpdateAll<Op, Element, ArrayOfSameLength<Element>>;
  return nullptr;
}
template <class Op, class Element>
Kernel WithScalar(OperandKind kind) {
  return kind == OperandKind::kScalar ? &UpdateAll<Op, Element, OneScalar<Element>> : nullptr;
}
template <class Op, class Element>
Kernel WithTwoScalars(OperandKind kind) {
  return kind == OperandKind::kScalar ? &UpdateAll<Op, Element, TwoScalars<Element>> : nullptr;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace numpack
HWY_AFTER_NAMESPACE();

#endif  // NUMPACK_KERNELS_LOOP_INL_H_
