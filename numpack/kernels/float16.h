// float16 and float32, one number at a time.
#ifndef NUMPACK_KERNELS_FLOAT16_H_
#define NUMPACK_KERNELS_FLOAT16_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "numpack/core/dtype.h"

namespace numpack {

// Exact; a signalling NaN becomes quiet.
inline float ToFloat32(Float16 half) {
  const uint32_t magnitude = half.bits & 0x7FFFU;
  uint32_t bits;
  if (magnitude >= 0x0400) {
    const uint32_t exponent = magnitude >= 0x7C00 ? 255 - 31 : 127 - 15;  // added to the half's
    bits = (magnitude << 13) + (exponent << 23);
    if (magnitude > 0x7C00) bits |= 0x00400000U;
  } else {  // subnormal
    const float value = static_cast<float>(magnitude) * (1.0F / (1 << 24));
    std::memcpy(&bits, &value, sizeof(bits));
  }
  bits |= (half.bits & 0x8000U) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// To the nearest, of two equally near ones the even one. NaN keeps the highest bits of its payload.
// Raises no exception.
inline Float16 ToFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = bits >> 16 & 0x8000U;
  const uint32_t magnitude = bits & 0x7FFFFFFFU;
  uint32_t half;
  if (magnitude > 0x7F800000U) {
    half = 0x7E00U | (magnitude >> 13 & 0x03FFU);
  } else if (magnitude >= 0x38800000U) {
    const uint32_t odd = magnitude >> 13 & 1;
    half = std::min<uint32_t>((magnitude - (112U << 23) + 0x0FFF + odd) >> 13, 0x7C00);
  } else if (magnitude < 0x33000000U) {  // below half of the smallest subnormal
    half = 0;
  } else {
    const uint32_t significand = (magnitude & 0x007FFFFFU) | 0x00800000U;
    const uint32_t shift = 126 - (magnitude >> 23);  // 14 to 24
    const uint32_t odd = significand >> shift & 1;
    half = (significand + (1U << (shift - 1)) - 1 + odd) >> shift;
  }
  return {static_cast<uint16_t>(sign | half)};
}

}  // namespace numpack

#endif  // NUMPACK_KERNELS_FLOAT16_H_
