// The kernels family by family, as elementwise.cc puts them together: one source file for each, so
// that none takes long to compile for all instruction sets. Null: there is no such kernel.
#ifndef NUMPACK_KERNELS_FAMILIES_H_
#define NUMPACK_KERNELS_FAMILIES_H_

#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"

namespace numpack::kernels_internal {

// Integers, float32 and float64.
Kernel FindArithmetic(Operation operation, OperandKind kind, DType dtype);
Kernel FindDivision(Operation operation, OperandKind kind, DType dtype);  // integers only
Kernel FindComparison(Operation operation, OperandKind kind, DType dtype);
Kernel FindTranscendental(Operation operation, OperandKind kind, DType dtype);
// Bits, logic and shifts of all dtypes but complex ones, and all that bool can do.
Kernel FindBits(Operation operation, OperandKind kind, DType dtype);
// Floor division and remainder of floating-point numbers, float16 too.
Kernel FindFloatDivision(Operation operation, OperandKind kind, DType dtype);
// What else float16 and complex numbers can do.
Kernel FindHalf(Operation operation, OperandKind kind);
Kernel FindComplex(Operation operation, OperandKind kind, DType dtype);
// Casts.
Kernel FindCastKernel(DType from, DType to);

}  // namespace numpack::kernels_internal

#endif  // NUMPACK_KERNELS_FAMILIES_H_
