#include "python/numpack/native/writable.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/changes.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

absl::Status NotTheView(absl::string_view name) {
  return PythonError(
      "BatchModeError",
      absl::StrCat("writable batch mode stores only what is changed in place: the value for '",
                   name, "' is not the array that load('", name,
                   "') returned in this block. New arrays, shapes and dtypes need batch_mode()"));
}

}  // namespace

WritableArrays::WritableArrays(WritableBatch batch)
    : batch_(std::make_shared<WritableBatch>(std::move(batch))), atomic_(batch_->atomic()) {}

WritableArrays::~WritableArrays() {
  if (over()) return;
  if (absl::Status status = End(/*discard=*/atomic_); !status.ok()) {
    try {
      Raise(status);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("numpack: end of a writable batch that was never left");
    }
  }
}

std::shared_ptr<WritableBatch> WritableArrays::batch_or_raise() const {
  if (over())
    Raise(PythonError("BatchModeError",
                      "this writable batch is over: enter writable_batch_mode() again"));
  return batch_;
}

nb::object WritableArrays::Load(nb::handle name) {
  const std::shared_ptr<WritableBatch> batch = batch_or_raise();
  if (nb::object known = nb::borrow(PyDict_GetItemWithError(arrays_.ptr(), name.ptr()));
      known.is_valid()) {
    return known;
  }
  PyErr_Clear();  // an unhashable name: NameOf refuses it
  const absl::string_view text = NameOf(name);
  absl::StatusOr<AnyArray> loaded = WithoutGil([&] { return batch->Load(text); });
  if (!loaded.ok()) Raise(Explain(loaded.status(), text));
  nb::object ndarray = ToNdarray(*std::move(loaded));
  // Another thread may have been faster.
  if (nb::object first = nb::borrow(PyDict_GetItemWithError(arrays_.ptr(), name.ptr()));
      first.is_valid()) {
    return first;
  }
  if (over()) {
    MakeReadOnly(ndarray);
    batch_or_raise();
  }
  // The name itself could be a str subclass with a changing hash.
  arrays_[Text(text)] = ndarray;
  hot_.NoteSaved(name, ndarray, kVersion);
  return ndarray;
}

nb::object WritableArrays::Known(nb::handle name) {
  PyObject* const array = hot_.Loaded(name.ptr(), kVersion);
  return array == nullptr ? nb::none() : nb::borrow(array);
}

bool WritableArrays::IsNothingNew(nb::handle arrays) {
  if (!PyDict_CheckExact(arrays.ptr())) return false;
  PyObject* name = nullptr;
  PyObject* value = nullptr;
  for (Py_ssize_t i = 0; PyDict_Next(arrays.ptr(), &i, &name, &value) != 0;) {
    if (!hot_.IsSaved(name, value, kVersion)) return false;
  }
  return !over();
}

void WritableArrays::Save(nb::handle arrays) {
  const std::shared_ptr<WritableBatch> batch = batch_or_raise();
  if (!PyDict_Check(arrays.ptr())) Raise(absl::InvalidArgumentError("arrays must be a dictionary"));
  for (const auto& [name, value] : nb::borrow<nb::dict>(arrays)) {
    const absl::string_view text = NameOf(name);
    if (!IsNdarray(value) || !DTypeOfNdarray(value).has_value()) Raise(NotTheView(text));
    // A copy where the byte order differs, which is then found not to be the view.
    const nb::object ndarray = CheckedNdarray(value, text);
    const ArrayView view = ViewOf(ndarray);
    const absl::Status status = WithoutGil([&] { return batch->Save(text, view); });
    if (absl::IsFailedPrecondition(status) || absl::IsNotFound(status) ||
        absl::IsInvalidArgument(status)) {
      Raise(NotTheView(text));
    }
    Check(status);
  }
}

absl::Status WritableArrays::End(bool discard) {
  // First of all: this is over for other threads before the GIL is given up, which releasing arrays
  // does too.
  std::shared_ptr<WritableBatch> batch = std::move(batch_);
  nb::dict arrays;
  std::swap(arrays, arrays_);
  hot_.Clear();
  for (const auto& [name, ndarray] : arrays) MakeReadOnly(ndarray);
  arrays.clear();
  return WithoutGil([&batch, discard] {
    absl::Status status = discard ? batch->Discard() : batch->Finish();
    batch.reset();
    return status;
  });
}

void WritableArrays::Leave(bool failed) {
  if (over()) return;
  const bool discard = failed && atomic_;
  if (--depth_ > 0) {
    doomed_ = doomed_ || discard;
    return;
  }
  Check(End(discard || doomed_));
  if (doomed_ && !discard) {
    Raise(PythonError("BatchModeError",
                      "a nested block of an atomic writable batch failed: nothing of the whole was "
                      "published"));
  }
}

void BindWritable(nb::module_& module) {
  nb::class_<WritableArrays>(module, "WritableArrays",
                             "A writable batch and the arrays it handed out.")
      .def_prop_ro("over", &WritableArrays::over)
      .def_prop_ro(
          "arrays", [](const WritableArrays& self) { return self.arrays(); },
          nb::sig("def arrays(self, /) -> dict[str, numpack.typing.Array]"))
      .def("load", &WritableArrays::Load, "array_name"_a,
           nb::sig("def load(self, array_name: str) -> numpack.typing.Array"))
      .def("save", &WritableArrays::Save, "arrays"_a,
           nb::sig("def save(self, arrays: dict[str, numpack.typing.Array]) -> None"))
      .def("known", &WritableArrays::Known, "array_name"_a,
           nb::sig("def known(self, array_name: str) -> numpack.typing.Array | None"))
      .def("is_nothing_new", &WritableArrays::IsNothingNew, "arrays"_a)
      .def("leave", &WritableArrays::Leave, "failed"_a = false);
}

}  // namespace numpack::python
