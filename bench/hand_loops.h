// What the kernels are measured against: the loops that one would write by hand, left to the
// compiler to vectorise for the machine's instruction set, on one thread.
#ifndef NUMPACK_BENCH_HAND_LOOPS_H_
#define NUMPACK_BENCH_HAND_LOOPS_H_

#include <cstddef>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"

namespace numpack::bench {

// Reads every byte and writes it back where it was: the least that any in-place update costs.
// `bytes` is a multiple of 8.
void CopyInPlace(std::byte* data, size_t bytes);

// Whether there is a loop for it: the four signs and a * x + b of float32, float64, int32, int64.
bool HasHandLoop(Operation operation, DType dtype);

// x = x op b as Kernel does it.
void UpdateByHand(Operation operation, OperandKind kind, DType dtype, std::byte* data,
                  const std::byte* operand, size_t elements);

}  // namespace numpack::bench

#endif  // NUMPACK_BENCH_HAND_LOOPS_H_
