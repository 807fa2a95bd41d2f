// Store for Python: names, signatures and documentation of its methods.

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "python/numpack/native/c_function.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/status.h"
#include "python/numpack/native/store.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

// --- load and save, which programs call in loops

PyObject* Load(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  static constexpr const char* kParameters[] = {"array_name", "lazy", "out"};
  static constexpr Signature kSignature = {"load", kParameters, 2, 1};
  Store* const store = InstanceOf<Store>(self);
  if (store == nullptr) return nullptr;
  if (count == 1 && keywords == nullptr) {
    if (PyObject* const array = store->LoadHot(arguments[0]); array != nullptr) return array;
  }
  PyObject* values[] = {nullptr, Py_False, Py_None};
  if (!BindArguments(kSignature, arguments, count, keywords, values)) return nullptr;
  return CallFromC([&] { return store->Load(values[0], values[1], values[2]).release().ptr(); });
}

PyObject* Save(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  static constexpr const char* kParameters[] = {"arrays"};
  static constexpr Signature kSignature = {"save", kParameters, 1, 1};
  Store* const store = InstanceOf<Store>(self);
  PyObject* arrays = nullptr;
  if (store == nullptr || !BindArguments(kSignature, arguments, count, keywords, &arrays))
    return nullptr;
  if (store->SaveHot(arrays)) Py_RETURN_NONE;
  return CallFromC([&] {
    store->Save(arrays);
    return Py_NewRef(Py_None);
  });
}

// CPython has a public name for the type from 3.13 on.
using FastFunction = PyObject*(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

PyCFunction AsFunction(FastFunction* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// The first lines are what inspect.signature() reads. stub_patterns.txt has the types.
constexpr char kLoadDoc[] = R"(load($self, /, array_name, lazy=False, *, out=None)
--

Load an array.

Outside a batch: a new, writable, C-contiguous ndarray, independent of the store. In batch mode: the cached
array, the same object at every load. With lazy=True: a LazyArray, whose elements stay in the file (in batch mode
the cached array, if there is one). With out: the elements are copied into that array, which is returned; it must be
C-contiguous, writable, and have the stored dtype and shape.

Raises ArrayNotFoundError (a KeyError) for a missing array, CorruptStoreError when its data is damaged, ValueError
when out does not fit.)";

constexpr char kSaveDoc[] = R"(save($self, /, arrays)
--

Store each array under its key, replacing what was there. All of them become visible in one commit, or none.

Outside a batch the elements are copied to the store. In batch mode a reference is kept, nothing is written yet,
and later changes of the array in place are published too.

Raises ValueError (no dict, empty name, unsupported dtype), TypeError (a name that is no str, a value that is no
ndarray), OSError (no space, ...), BatchModeError (an array that is open in writable batch mode).)";

void BindLifeCycle(nb::class_<Store>& store) {
  store.def(nb::init<std::string, bool>(), "path"_a, "strict"_a)
      .def("_open", &Store::Open, "lock_wait_seconds"_a, "checksum"_a, "read_only"_a, "mappings"_a)
      .def("_is_mapped", &Store::IsMapped)
      .def("_close", &Store::Close)
      .def("_set_in_context", &Store::SetInContext, "in_context"_a)
      .def("_require_usable", &Store::RequireUsable)
      .def("flush", &Store::Flush, nb::sig("def flush(self) -> None"),
           R"(
Make everything committed so far survive a power loss. Waits for the disk; OSError when that fails.

Without mappings, what writable batch mode has changed so far is written to the files before.)")
      .def_prop_ro("is_opened", &Store::is_open, nb::sig("def is_opened(self, /) -> bool"),
                   "True between open() and close().")
      .def_prop_ro(
          "is_closed", [](const Store& self) { return !self.is_open(); },
          nb::sig("def is_closed(self, /) -> bool"), "The opposite of is_opened.");
}

void BindReading(nb::class_<Store>& store) {
  store
      .def(
          "__getitem__",
          [](const Store& self, nb::handle name) { return self.Load(name, Py_False, Py_None); },
          "array_name"_a, nb::sig("def __getitem__(self, array_name: str) -> numpack.typing.Array"),
          "Same as load(array_name), errors included.")
      .def("getitem", &Store::GetItem, "array_name"_a, "indexes"_a.none(),
           nb::sig("def getitem(self, array_name: str, indexes: numpack.typing.RowIndexes) -> "
                   "numpack.typing.Array"),
           R"(
Copy rows of an array into a new ndarray of shape (number of indexes, *trailing).

indexes: an int, a list, tuple, range or 1-D array of ints, a slice, or a mask with one bool per row. Negative
indexes count from the end; repeated ones repeat the row.

Raises ArrayNotFoundError, IndexOutOfRangeError, TypeError for other kinds of index, ValueError for a 0-d array.)")
      .def("get_shape", &Store::ArrayShape, "array_name"_a,
           nb::sig("def get_shape(self, array_name: str) -> tuple[int, ...]"),
           "The array's shape, dropped rows not counted. Raises ArrayNotFoundError.")
      .def("get_member_list", &Store::Names, nb::sig("def get_member_list(self) -> list[str]"),
           "A new list of the names, in the order of first save.")
      .def("has_array", &Store::Contains, "array_name"_a.none(),
           nb::sig("def has_array(self, array_name: object) -> bool"),
           "Whether there is such an array; False for anything but a str.")
      .def("get_modify_time", &Store::ModifyTime, "array_name"_a,
           nb::sig("def get_modify_time(self, array_name: str) -> int | None"),
           "When the array's contents last changed, in microseconds since the Unix epoch; None if "
           "it is missing.")
      .def("interrupted", &Store::Interrupted, nb::sig("def interrupted(self) -> list[str]"), R"(
Names of arrays whose changes in writable batch mode were cut short by a crash: they may mix old and new elements.
Saving such an array ends that.)")
      .def("stats", &Store::Statistics, nb::sig("def stats(self) -> dict[str, int]"), R"(
What the store's files hold. Sizes are in bytes.

arrays: their number. commits: by this process, since it opened the store. live_bytes: elements of arrays.
slack_bytes: reserved behind them, for appending. limbo_bytes: superseded, but read by somebody or needed after a
power loss; pinned_bytes: the part of it that this process reads. free_bytes: waiting to be used again. log_bytes:
records of the commit log. segments: number of files that hold arrays. file_bytes: sizes of all segments and logs.
What a batch has pending is not in it. Until this process writes, limbo counts as free.)")
      .def("_snapshot", &Store::Snapshot, "array_name"_a,
           nb::sig("def _snapshot(self, array_name: str) -> numpack.LazyArray"))
      .def("_count", &Store::Count)
      .def("_infos", &Store::Infos,
           nb::sig("def _infos(self) -> dict[str, tuple[tuple[int, ...], numpy.dtype[typing.Any], "
                   "int, int]]"));
}

void BindChanging(nb::class_<Store>& store) {
  store
      .def("append", &Store::Append, "arrays"_a.none(),
           nb::sig("def append(self, arrays: dict[str, numpack.typing.Array]) -> None"), R"(
Add the rows of each value after the last row of the array of that name, in one commit.

Raises ArrayNotFoundError, ValueError when rank, trailing shape or dtype differ from the stored array's, TypeError
for a value that is no ndarray.)")
      .def("replace", &Store::Replace, "arrays"_a.none(), "indexes"_a.none(),
           nb::sig("def replace(self, arrays: dict[str, numpack.typing.Array], indexes: "
                   "numpack.typing.RowIndexes) -> None"),
           R"(
Row indexes[i] of each array takes row i of its value, in one commit; of repeated indexes the last one wins.

indexes: as getitem's. A single row is given as an array of shape (1, *trailing).

Raises ArrayNotFoundError, IndexOutOfRangeError, ValueError when shapes or numbers of rows differ, TypeError when
the dtype differs; nothing has changed then.)")
      .def("drop", &Store::Drop, "array_name"_a.none(), "indexes"_a = nb::none(),
           nb::sig("def drop(self, array_name: str | list[str] | tuple[str, ...], indexes: "
                   "numpack.typing.RowIndexes | None = None) -> None"),
           R"(
Take rows away from one or several arrays, in one commit; all rows when indexes is None. The name stays.

indexes: as getitem's; rows outside an array are ignored, and so are missing arrays.

Raises IndexOutOfRangeError for a mask of another length, TypeError for indexes that are no ints, ValueError for other
kinds of index and for a 0-d array; nothing has changed then.)")
      .def("remove", &Store::Remove, "array_name"_a.none(),
           nb::sig("def remove(self, array_name: str | list[str] | tuple[str, ...]) -> None"),
           "Take arrays away, names and all, in one commit. Raises ArrayNotFoundError if one is "
           "missing.")
      .def("update", &Store::Update, "array_name"_a,
           nb::sig("def update(self, array_name: str) -> None"),
           "Give the space of dropped rows back. Contents stay. Does nothing in batch mode. Raises "
           "ArrayNotFoundError.")
      .def("clone", &Store::Clone, "source_name"_a, "target_name"_a,
           nb::sig("def clone(self, source_name: str, target_name: str) -> None"),
           "Copy an array under a new name. Raises ArrayNotFoundError, ValueError when the new "
           "name exists.")
      .def("_vacuum", &Store::Vacuum, nb::sig("def _vacuum(self) -> dict[str, typing.Any]"))
      .def("reset", &Store::Reset, nb::sig("def reset(self) -> None"),
           "Remove all arrays, in one commit. Foreign files in the directory stay. Raises "
           "BatchModeError when one is open in writable batch mode.");
}

void BindModes(nb::class_<Store>& store) {
  store
      .def("_begin_batch", &Store::BeginBatch, "memory_limit_bytes"_a.none(),
           "watch_unsaved"_a = false)
      .def("_end_batch", &Store::EndBatch, "number"_a, "discard"_a = false)
      .def("_flush_batch", &Store::FlushBatch)
      .def("_rollback_batch", &Store::RollbackBatch)
      .def("_take_unsaved", &Store::TakeUnsaved, nb::sig("def _take_unsaved(self) -> list[str]"))
      .def_prop_ro("_in_batch", &Store::in_batch)
      .def("_batch_statistics", &Store::BatchStatistics, "number"_a,
           nb::sig("def _batch_statistics(self, number: int) -> dict[str, typing.Any]"))
      .def("_cached_names", &Store::CachedNames, nb::sig("def _cached_names(self) -> list[str]"))
      .def("_dirty_names", &Store::DirtyNames, nb::sig("def _dirty_names(self) -> list[str]"))
      .def("_cached", &Store::Cached, "array_name"_a,
           nb::sig("def _cached(self, array_name: str) -> numpack.typing.Array | None"))
      .def("_forget", &Store::Forget, "array_name"_a,
           nb::sig("def _forget(self, array_name: str) -> None"))
      .def("_begin_writable", &Store::BeginWritable, "atomic"_a = false);
}

}  // namespace

void BindStore(nb::module_& module) {
  static PyMethodDef methods[] = {
      {"load", AsFunction(Load), METH_FASTCALL | METH_KEYWORDS, kLoadDoc},
      {"save", AsFunction(Save), METH_FASTCALL | METH_KEYWORDS, kSaveDoc},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {{Py_tp_methods, methods}, {0, nullptr}};
  nb::class_<Store> store(module, "Store", nb::type_slots(slots),
                          "Native base of numpack.NumPack.");
  BindLifeCycle(store);
  BindReading(store);
  BindChanging(store);
  BindModes(store);
  module.def(
      "recommend_mode",
      [](uint64_t bytes, bool shape_change) {
        const Recommendation found = RecommendMode(bytes, shape_change);
        const bool writable = found.mode == BatchMode::kWritableBatch;
        return nb::make_tuple(writable ? "writable_batch_mode" : "batch_mode", found.reason);
      },
      "bytes"_a, "shape_change"_a,
      nb::sig("def recommend_mode(bytes: int, shape_change: bool) -> "
              "tuple[typing.Literal['batch_mode', 'writable_batch_mode'], str]"),
      "The mode's name and the reason, for that many bytes.");
  module.def(
      "verify",
      [](const std::string& path, bool contents) {
        VerifyOptions options;
        options.contents = contents;
        const VerifyReport report =
            ValueOrRaise(WithoutGil([&] { return NumPack::Verify(path, options); }));
        nb::list findings;
        for (const Finding& finding : report.findings) {
          const char* severity = finding.severity == Severity::kError     ? "error"
                                 : finding.severity == Severity::kWarning ? "warning"
                                                                          : "note";
          nb::object offset = nb::none();
          if (finding.offset.has_value()) offset = nb::int_(*finding.offset);
          findings.append(nb::make_tuple(severity, Text(finding.file), offset, Text(finding.array),
                                         Text(finding.what), Text(finding.remedy)));
        }
        return findings;
      },
      "path"_a, "contents"_a,
      nb::sig("def verify(path: str, contents: bool) -> list[tuple[typing.Literal['error', "
              "'warning', 'note'], str, int | None, str, str, str]]"),
      "What Verify finds, as tuples.");
  module.def(
      "abandon",
      [](const std::string& path) { Check(WithoutGil([&] { return NumPack::Abandon(path); })); },
      "path"_a, "Detach every open handle of this process on the store at `path`.");
}

}  // namespace numpack::python
