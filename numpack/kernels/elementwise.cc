#include "numpack/kernels/elementwise.h"

#include "numpack/core/dtype.h"
#include "numpack/kernels/families.h"
#include "numpack/kernels/operation.h"

namespace numpack {

Kernel FindKernel(Operation operation, OperandKind kind, DType dtype) {
  using kernels_internal::FindArithmetic;
  using kernels_internal::FindBits;
  using kernels_internal::FindComparison;
  using kernels_internal::FindComplex;
  using kernels_internal::FindDivision;
  using kernels_internal::FindFloatDivision;
  using kernels_internal::FindHalf;
  using kernels_internal::FindTranscendental;
  if (dtype == DType::kComplex64 || dtype == DType::kComplex128) {
    return FindComplex(operation, kind, dtype);
  }
  for (const auto find : {FindBits, FindArithmetic, FindDivision, FindComparison,
                          FindTranscendental, FindFloatDivision}) {
    if (const Kernel kernel = find(operation, kind, dtype); kernel != nullptr) return kernel;
  }
  return dtype == DType::kFloat16 ? FindHalf(operation, kind) : nullptr;
}

Kernel FindCast(DType from, DType to) { return kernels_internal::FindCastKernel(from, to); }

}  // namespace numpack
