#include "python/numpack/native/kernels.h"

#include <cstddef>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "numpack/base/worker_threads.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"
#include "python/numpack/native/kernel_table.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

void (*make_in_place_array)(PyObject*) = nullptr;

bool Run(DType dtype, const RowSpan& target, const ChainStep* steps, size_t count, int threads,
         char* message, size_t capacity) {
  UpdateChain chain(dtype, target);
  for (size_t i = 0; i < count; ++i) {
    if (steps[i].is_cast) {
      chain.Cast(steps[i].cast_to);
    } else {
      chain.Append(steps[i].operation, steps[i].operand);
    }
  }
  chain.set_max_threads(threads);
  const absl::Status status = chain.Run();
  if (!status.ok()) std::snprintf(message, capacity, "%s", std::string(status.message()).c_str());
  return status.ok();
}

constexpr KernelTable kTable = {
    kKernelTableVersion,
    IsSupported,
    Run,
    // Names are literals, so they end with a zero.
    [](Operation operation) { return OperationName(operation).data(); },
    ScalarCount,
    ActiveTarget,
    [] { return DefaultWorkerThreads().threads(); },
    [](int threads) { SetDefaultThreads(threads); },
    [](void (*maker)(PyObject*)) { make_in_place_array = maker; },
};

}  // namespace

void MakeInPlaceArray(nb::handle ndarray) {
  if (make_in_place_array != nullptr) make_in_place_array(ndarray.ptr());
}

void BindKernels(nb::module_& module) {
  module.attr(kKernelTableAttribute) =
      nb::steal(PyCapsule_New(const_cast<KernelTable*>(&kTable), kKernelTableCapsule, nullptr));
}

}  // namespace numpack::python
