#include "python/numpack/arithmetic/ufunc_loops.h"

#include <atomic>
#include <cstddef>
#include <iterator>
#include <utility>

#include "numpack/core/dtype.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"
#include "python/numpack/arithmetic/kernels.h"
#include "python/numpack/arithmetic/object.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

struct Loop {
  const char* ufunc;
  Operation operation;
  DType dtype;
  int numpy_type;
};
constexpr Loop kLoops[] = {
    {"add", Operation::kAdd, DType::kFloat32, NPY_FLOAT},
    {"add", Operation::kAdd, DType::kFloat64, NPY_DOUBLE},
    {"subtract", Operation::kSubtract, DType::kFloat32, NPY_FLOAT},
    {"subtract", Operation::kSubtract, DType::kFloat64, NPY_DOUBLE},
    {"multiply", Operation::kMultiply, DType::kFloat32, NPY_FLOAT},
    {"multiply", Operation::kMultiply, DType::kFloat64, NPY_DOUBLE},
    {"divide", Operation::kDivide, DType::kFloat32, NPY_FLOAT},
    {"divide", Operation::kDivide, DType::kFloat64, NPY_DOUBLE},
};
constexpr size_t kLoopCount = std::size(kLoops);

// NumPy's own; set while ours are in their place.
PyUFuncGenericFunction numpy_loops[kLoopCount] = {};
bool are_ours = false;

std::atomic<int64_t> min_bytes{int64_t{64} << 10};
std::atomic<int64_t> loop_count{0};

template <size_t kLoop>
void RunLoop(char** args, npy_intp const* dimensions, npy_intp const* steps, void* data) {
  constexpr Loop kThis = kLoops[kLoop];
  const npy_intp elements = dimensions[0];
  constexpr npy_intp kItem = kThis.dtype == DType::kFloat32 ? 4 : 8;
  const bool in_place = args[0] == args[2] && steps[0] == kItem && steps[2] == kItem;
  const bool scalar = steps[1] == 0;
  if (in_place && (scalar || steps[1] == kItem) &&
      elements * kItem >= min_bytes.load(std::memory_order_relaxed)) {
    ChainStep step;
    step.operation = kThis.operation;
    step.operand = scalar ? Operand::Scalars(args[1]) : Operand::Array(args[1], elements);
    char message[1];
    const RowSpan target = {reinterpret_cast<std::byte*>(args[0]), 1, elements, 0};
    // It refuses what overlaps in part and what is not aligned.
    if (Kernels().run(kThis.dtype, target, &step, 1, 0, message, sizeof(message))) {
      loop_count.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  numpy_loops[kLoop](args, dimensions, steps, data);
}

template <size_t... kLoop>
bool Exchange(PyObject* numpy, bool ours, std::index_sequence<kLoop...> /*all*/) {
  constexpr PyUFuncGenericFunction kOurs[] = {RunLoop<kLoop>...};
  for (size_t i = 0; i < kLoopCount; ++i) {
    const Object ufunc(PyObject_GetAttrString(numpy, kLoops[i].ufunc));
    if (!ufunc) return false;
    const int type = kLoops[i].numpy_type;
    const int signature[] = {type, type, type};
    PyUFuncGenericFunction old = nullptr;
    if (PyUFunc_ReplaceLoopBySignature(reinterpret_cast<PyUFuncObject*>(ufunc.get()),
                                       ours ? kOurs[i] : numpy_loops[i], signature, &old) != 0) {
      if (PyErr_Occurred() == nullptr) {
        PyErr_Format(PyExc_RuntimeError, "this NumPy has no loop of its own for numpy.%s",
                     kLoops[i].ufunc);
      }
      return false;
    }
    // Before a call can reach our loop: the GIL is held, and ufuncs begin with it.
    if (ours) numpy_loops[i] = old;
  }
  return true;
}

}  // namespace

bool SetUfuncLoops(bool ours) {
  if (ours == are_ours) return true;
  const Object numpy(PyImport_ImportModule("numpy"));
  if (!numpy || !Exchange(numpy.get(), ours, std::make_index_sequence<kLoopCount>())) return false;
  are_ours = ours;
  return true;
}

void SetUfuncLoopBytes(int64_t bytes) { min_bytes = bytes; }

int64_t UfuncLoopCount() { return loop_count.load(std::memory_order_relaxed); }

}  // namespace numpack::python
