// The kernels: one vectorised loop per operation, kind of operand and dtype, for the best
// instruction set of the machine that runs it. They know nothing of shapes, threads or errors;
// callers want in_place.h.
#ifndef NUMPACK_KERNELS_ELEMENTWISE_H_
#define NUMPACK_KERNELS_ELEMENTWISE_H_

#include <cstddef>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"

namespace numpack {

// Updates data[0, elements) in place; `data` and `operand` point at elements of the kernel's dtype,
// aligned as that type asks (complex numbers as their parts). operand: for OperandKind::kScalar the
// ScalarCount() scalars, read before anything is written; for kArray as many elements, the very
// same ones or sharing no byte with data; for kNone not looked at. Reads and writes nothing else.
// Raises only the floating-point exceptions that these elements call for; inexact is exact for the
// arithmetic of float32, float64 and complex numbers, and unspecified elsewhere.
using Kernel = void (*)(std::byte* data, const std::byte* operand, size_t elements);

// The kernel for this machine, or null when there is none. Cheap; Thread-safe.
Kernel FindKernel(Operation operation, OperandKind kind, DType dtype);

inline bool IsSupported(Operation operation, OperandKind kind, DType dtype) {
  return FindKernel(operation, kind, dtype) != nullptr;
}

// A kernel of no operand that converts elements where they lie, to another type of the same size;
// null when there is none. Results are those of NumPy's astype. Numbers that an integer type cannot
// hold, for which NumPy's are undefined, become the nearest one that it holds, NaN 0; they raise
// FE_INVALID.
Kernel FindCast(DType from, DType to);

// Name of the instruction set whose kernels FindKernel() hands out, as Highway calls it: "AVX2",
// "NEON", ... Answered by the code compiled for it, so it cannot differ from what runs.
const char* ActiveTarget();

}  // namespace numpack

#endif  // NUMPACK_KERNELS_ELEMENTWISE_H_
