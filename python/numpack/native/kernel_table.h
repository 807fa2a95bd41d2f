// What numpack._native gives to numpack._arithmetic: the kernels, through plain functions.
//
// The two are modules of their own because the class of in-place arrays can be built once for all
// versions of Python, with its limited API, and what nanobind binds cannot. There must be one copy
// of the kernels and of their threads in a process: it is in _native.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_KERNEL_TABLE_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_KERNEL_TABLE_H_

#include <Python.h>

#include <cstddef>
#include <cstdint>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"

namespace numpack::python {

// One step of a chain: an operation, or a cast to `cast_to`.
struct ChainStep {
  bool is_cast = false;
  DType cast_to = DType::kBool;
  Operation operation = Operation::kFill;
  Operand operand = Operand::None();
};

struct KernelTable {
  // Of this struct; both modules must have been built from the same one.
  uint32_t version;

  bool (*is_supported)(Operation operation, OperandKind kind, DType dtype);
  // Runs the steps as an UpdateChain does, with its floating-point exceptions. At most `threads`
  // threads take part; 0: as many as there are. False, with the array untouched and what is wrong
  // in `message`, where UpdateChain::Run() fails. The GIL is not needed.
  bool (*run)(DType dtype, const RowSpan& target, const ChainStep* steps, size_t count, int threads,
              char* message, size_t capacity);
  const char* (*operation_name)(Operation operation);
  int (*scalar_count)(Operation operation);
  const char* (*target)();
  int (*threads)();
  void (*set_threads)(int threads);

  // From then on _native has this called with each large ndarray that it made and that nobody else
  // has seen yet. The GIL must be held.
  void (*set_array_maker)(void (*make_in_place_array)(PyObject* ndarray));
};

inline constexpr uint32_t kKernelTableVersion = 1;
// The capsule that holds a `const KernelTable`, and its attribute of _native.
inline constexpr char kKernelTableCapsule[] = "numpack._native.kernel_table";
inline constexpr char kKernelTableAttribute[] = "kernel_table";

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_KERNEL_TABLE_H_
