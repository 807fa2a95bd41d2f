#include "python/numpack/native/lazy.h"

#include <new>
#include <utility>

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

// memoryview(lazy): the ndarray's own buffer, which keeps the ndarray and so the mapping.
int GetBuffer(PyObject* self, Py_buffer* buffer, int flags) {
  if (!nb::inst_ready(self)) {
    buffer->obj = nullptr;
    PyErr_SetString(PyExc_BufferError, "this LazyArray was not made by numpack");
    return -1;
  }
  return PyObject_GetBuffer(nb::inst_ptr<LazyBase>(self)->view.ptr(), buffer, flags);
}

}  // namespace

nb::object NewLazyArray(nb::object view, nb::object name, nb::object source) {
  const nb::object type = nb::module_::import_("numpack.lazy_array").attr("LazyArray");
  nb::object self = nb::inst_alloc(type);
  new (nb::inst_ptr<LazyBase>(self)) LazyBase{std::move(view), std::move(name), std::move(source)};
  nb::inst_mark_ready(self);
  return self;
}

void BindLazy(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(GetBuffer)},
                                {0, nullptr}};
  nb::class_<LazyBase>(
      module, "LazyBase", nb::type_slots(slots),
      "Native half of numpack.LazyArray: a read-only ndarray and the array's name.")
      .def_ro("_view", &LazyBase::view, nb::sig("def _view(self, /) -> numpack.typing.Array"))
      .def_ro("_name", &LazyBase::name, nb::sig("def _name(self, /) -> str"))
      .def_ro("_source", &LazyBase::source,
              nb::sig("def _source(self, /) -> tuple[str, int] | None"));
  module.def("new_lazy_array", &NewLazyArray, "view"_a, "name"_a, "source"_a.none(),
             nb::sig("def new_lazy_array(view: numpack.typing.Array, name: str, source: tuple[str, "
                     "int] | None) -> numpack.LazyArray"));
}

}  // namespace numpack::python
