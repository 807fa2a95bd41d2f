// Reading, in and out of a batch.

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/changes.h"
#include "python/numpack/native/lazy.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/rows.h"
#include "python/numpack/native/status.h"
#include "python/numpack/native/store.h"

namespace numpack::python {

namespace nb = nanobind;

namespace {

// True for True, False for False and None; TypeError for others.
bool IsLazy(nb::handle lazy) {
  if (lazy.ptr() == Py_True) return true;
  if (lazy.ptr() == Py_False || lazy.is_none()) return false;
  Raise(PythonError("TypeError",
                    absl::StrCat("lazy must be a bool, not ", nb::inst_name(lazy).c_str())));
}

// A writable copy of the rows that `index` selects.
absl::StatusOr<AnyArray> RowsFrom(NumPack& store, absl::string_view name, const RowIndex& index) {
  const absl::StatusOr<LazyArray> lazy = store.Lazy(name);
  if (!lazy.ok()) return Explain(lazy.status(), name);
  return CopyRows(*lazy, name, index, NewNdarray);
}
// A saved array stays in memory for it.
absl::StatusOr<AnyArray> RowsFrom(Batch& batch, absl::string_view name, const RowIndex& index) {
  NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoOf(batch, name));
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(name, info));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, index.Resolve(name, info.shape[0]));
  return batch.LoadRows(name, rows, NewNdarray);
}

// The argument `out` of load, as an array to be written.
AnyArray OutOf(nb::handle out) {
  if (!IsNdarray(out)) {
    Raise(PythonError("TypeError", absl::StrCat("out must be a numpy.ndarray, not ",
                                                nb::inst_name(out).c_str())));
  }
  // A copy in the machine's byte order would not be what the caller sees.
  if (!CheckedNdarray(out, "out").is(out))
    Raise(absl::InvalidArgumentError("out must have the machine's byte order"));
  AnyArray array = Share(out);
  if (!array.writable()) Raise(absl::InvalidArgumentError("out is read-only"));
  if (!array.view().IsContiguous()) Raise(absl::InvalidArgumentError("out is not C-contiguous"));
  return array;
}

absl::Status CheckFits(DType dtype, absl::Span<const int64_t> shape, const AnyArray& out) {
  if (out.dtype() == dtype && absl::MakeConstSpan(out.shape()) == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the array is ", DTypeName(dtype), " of shape ", ShapeString(shape), ", out is ",
                   DTypeName(out.dtype()), " of shape ", ShapeString(out.shape())));
}

absl::Status LoadInto(NumPack& store, absl::string_view name, const AnyArray& out) {
  const auto factory = [&](DType dtype,
                           absl::Span<const int64_t> shape) -> absl::StatusOr<AnyArray> {
    NUMPACK_RETURN_IF_ERROR(CheckFits(dtype, shape, out));
    return out;
  };
  return store.Load(name, factory).status();
}
absl::Status LoadInto(Batch& batch, absl::string_view name, const AnyArray& out) {
  NUMPACK_ASSIGN_OR_RETURN(const AnyArray cached, batch.Load(name));
  NUMPACK_RETURN_IF_ERROR(CheckFits(cached.dtype(), cached.shape(), out));
  if (cached.data() != out.data()) CopyElements(cached.view(), out.mutable_data());
  return absl::OkStatus();
}

absl::StatusOr<AnyArray> LoadFrom(Batch& batch, absl::string_view name) { return batch.Load(name); }
absl::StatusOr<AnyArray> LoadFrom(NumPack& store, absl::string_view name) {
  return store.Load(name, NewNdarray);
}

}  // namespace

nb::object Store::Load(nb::handle name, nb::handle lazy, nb::handle out) const {
  const bool is_lazy = IsLazy(lazy);
  const absl::string_view text = NameOf(name);
  if (!out.is_none()) {
    if (is_lazy) Raise(absl::InvalidArgumentError("a lazy array has no elements to put into out"));
    const AnyArray target_array = OutOf(out);
    Check(Explain(Enter().Read([&](auto& target) { return LoadInto(target, text, target_array); }),
                  text));
    return nb::borrow(out);
  }
  if (is_lazy) {
    Enter();
    if (nb::object cached = Cached(name); !cached.is_none()) return cached;
    return Snapshot(name);
  }
  const Session session = Enter();
  const uint64_t version = session.batch() == nullptr ? 0 : session.batch()->version();
  absl::StatusOr<AnyArray> array =
      session.Read([&](auto& target) { return LoadFrom(target, text); });
  if (!array.ok()) Raise(Explain(array.status(), text));
  nb::object ndarray = ToNdarray(*std::move(array));
  if (session.batch() != nullptr && session.batch() == batch_)
    hot_.NoteLoaded(name, ndarray, version);
  return ndarray;
}

nb::object Store::Snapshot(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  absl::StatusOr<LazyArray> lazy =
      Enter().Read([&](auto& target) -> absl::StatusOr<LazyArray> { return target.Lazy(text); });
  if (!lazy.ok()) Raise(Explain(lazy.status(), text));
  // What a batch has pending is in no store yet.
  nb::object source = nb::none();
  if (batch_ == nullptr) {
    source = nb::make_tuple(Text(handle_->absolute_path), lazy->info().modified_us);
  }
  return NewLazyArray(*std::move(lazy), nb::borrow(name), std::move(source));
}

nb::object Store::GetItem(nb::handle name, nb::handle indexes) const {
  const absl::string_view text = NameOf(name);
  const Session session = Enter();
  const RowIndex index = RowIndex::Parse(indexes, RowUse::kGet);
  absl::StatusOr<AnyArray> rows =
      session.Read([&](auto& target) { return RowsFrom(target, text, index); });
  return ToNdarray(ValueOrRaise(std::move(rows)));
}

nb::object Store::ArrayShape(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  return ShapeTuple(
      ValueOrRaise(Enter().Read([&](auto& target) { return InfoOf(target, text); })).shape);
}

nb::object Store::ModifyTime(nb::handle name) const {
  SettleSaves();
  const absl::string_view text = NameOf(name);
  const absl::StatusOr<ArrayInfo> info =
      Enter().Read([&](auto& target) { return InfoOf(target, text); });
  if (info.ok()) return nb::int_(info->modified_us);
  if (!IsMissing(info.status())) Raise(info.status());
  return nb::none();
}

nb::list Store::Names() const {
  return TextList(ValueOrRaise(Enter().Read(
      [](auto& target) -> absl::StatusOr<std::vector<std::string>> { return target.List(); })));
}

bool Store::Contains(nb::handle name) const {
  const Session session = Enter();
  if (!PyUnicode_Check(name.ptr())) return false;
  const absl::string_view text = NameOf(name);
  return ValueOrRaise(
      session.Read([&](auto& target) -> absl::StatusOr<bool> { return target.Contains(text); }));
}

int64_t Store::Count() const {
  if (handle_ == nullptr) return 0;
  return ValueOrRaise(
      Session(handle_, batch_, &running_).Read([](auto& target) -> absl::StatusOr<int64_t> {
        return static_cast<int64_t>(target.List().size());
      }));
}

nb::dict Store::Infos() const {
  SettleSaves();
  using NamedInfo = std::pair<std::string, ArrayInfo>;
  const auto infos =
      ValueOrRaise(Enter().Read([](auto& target) -> absl::StatusOr<std::vector<NamedInfo>> {
        std::vector<NamedInfo> all;
        for (std::string& name : target.List()) {
          absl::StatusOr<ArrayInfo> info = target.Info(name);
          if (info.ok()) all.emplace_back(std::move(name), *std::move(info));  // else just removed
        }
        return all;
      }));
  nb::dict result;
  for (const auto& [name, info] : infos) {
    result[Text(name)] = nb::make_tuple(ShapeTuple(info.shape), NumpyDType(info.dtype), info.nbytes,
                                        info.modified_us);
  }
  return result;
}

nb::list Store::Interrupted() const {
  return TextList(
      ValueOrRaise(Enter().OnStore([](NumPack& store) -> absl::StatusOr<std::vector<std::string>> {
        return store.Interrupted();
      })));
}

nb::dict Store::Statistics() const {
  const StoreStats stats = ValueOrRaise(
      Enter().OnStore([](NumPack& store) -> absl::StatusOr<StoreStats> { return store.Stats(); }));
  nb::dict result;
  result["arrays"] = stats.arrays;
  result["commits"] = stats.commits;
  result["live_bytes"] = stats.live_bytes;
  result["slack_bytes"] = stats.slack_bytes;
  result["limbo_bytes"] = stats.limbo_bytes;
  result["pinned_bytes"] = stats.pinned_bytes;
  result["free_bytes"] = stats.free_bytes;
  result["log_bytes"] = stats.log_bytes;
  result["segments"] = stats.segments;
  result["file_bytes"] = stats.file_bytes;
  return result;
}

}  // namespace numpack::python
