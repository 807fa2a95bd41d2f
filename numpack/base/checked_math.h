// Arithmetic on sizes and offsets that says when it overflows instead of wrapping.
#ifndef NUMPACK_BASE_CHECKED_MATH_H_
#define NUMPACK_BASE_CHECKED_MATH_H_

#include <cstdint>
#include <limits>
#include <optional>

namespace numpack {

// nullopt when the exact result does not fit.
constexpr std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  if (a > std::numeric_limits<uint64_t>::max() - b) return std::nullopt;
  return a + b;
}

constexpr std::optional<uint64_t> CheckedMultiply(uint64_t a, uint64_t b) {
  if (a != 0 && b > std::numeric_limits<uint64_t>::max() / a) return std::nullopt;
  return a * b;
}

// `value` rounded up to a multiple of `step` (a power of two).
constexpr std::optional<uint64_t> CheckedRoundUp(uint64_t value, uint64_t step) {
  const std::optional<uint64_t> sum = CheckedAdd(value, step - 1);
  if (!sum.has_value()) return std::nullopt;
  return *sum & ~(step - 1);
}

}  // namespace numpack

#endif  // NUMPACK_BASE_CHECKED_MATH_H_
