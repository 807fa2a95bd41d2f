#include "python/numpack/arithmetic/kernels.h"

#include "python/numpack/arithmetic/object.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

const KernelTable* table = nullptr;
bool is_numpy1 = false;

}  // namespace

bool ImportKernels() {
  const Object native(PyImport_ImportModule("numpack._native"));
  if (!native) return false;
  const Object capsule(PyObject_GetAttrString(native.get(), kKernelTableAttribute));
  if (!capsule) return false;
  table = static_cast<const KernelTable*>(PyCapsule_GetPointer(capsule.get(), kKernelTableCapsule));
  if (table == nullptr) return false;
  if (table->version != kKernelTableVersion) {
    PyErr_SetString(PyExc_ImportError,
                    "numpack._native and numpack._arithmetic are of different builds of numpack: "
                    "install the package again");
    return false;
  }
  is_numpy1 = PyArray_GetNDArrayCVersion() < 0x02000000;
  return true;
}

const KernelTable& Kernels() { return *table; }

bool IsNumpy1() { return is_numpy1; }

}  // namespace numpack::python
