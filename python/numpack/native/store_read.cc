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
                    absl::StrCat("lazy must be a bool, not ", Py_TYPE(lazy.ptr())->tp_name)));
}

absl::StatusOr<AnyArray> CopyRows(const LazyArray& lazy, absl::string_view name,
                                  const RowIndex& index) {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(name, lazy.info()));
  const int64_t n = lazy.shape()[0];
  if (!index.IsRange()) {
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, index.Resolve(name, n));
    return lazy.LoadRows(rows, NewNdarray);
  }
  const RowIndex::Range range = index.ResolveRange(n);
  NUMPACK_ASSIGN_OR_RETURN(const AnyArray view, lazy.ViewRows(range.begin, range.end));
  NUMPACK_ASSIGN_OR_RETURN(AnyArray copy, NewNdarray(view.dtype(), view.shape()));
  CopyElements(view.view(), copy.mutable_data());
  return copy;
}

// A writable copy of the rows that `index` selects.
absl::StatusOr<AnyArray> RowsFrom(NumPack& store, absl::string_view name, const RowIndex& index) {
  const absl::StatusOr<LazyArray> lazy = store.Lazy(name);
  if (!lazy.ok()) return Explain(lazy.status(), name);
  return CopyRows(*lazy, name, index);
}
// A saved array stays in memory for it.
absl::StatusOr<AnyArray> RowsFrom(Batch& batch, absl::string_view name, const RowIndex& index) {
  NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoOf(batch, name));
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(name, info));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, index.Resolve(name, info.shape[0]));
  return batch.LoadRows(name, rows, NewNdarray);
}

absl::StatusOr<AnyArray> LoadFrom(Batch& batch, absl::string_view name) { return batch.Load(name); }
absl::StatusOr<AnyArray> LoadFrom(NumPack& store, absl::string_view name) {
  return store.Load(name, NewNdarray);
}

}  // namespace

nb::object Store::Load(nb::handle name, nb::handle lazy) const {
  const bool is_lazy = IsLazy(lazy);
  const absl::string_view text = NameOf(name);
  if (is_lazy) {
    Enter();
    if (nb::object cached = Cached(name); !cached.is_none()) return cached;
    return NewLazyArray(Snapshot(name), nb::borrow(name));
  }
  absl::StatusOr<AnyArray> array =
      Enter().Read([&](auto& target) { return LoadFrom(target, text); });
  if (!array.ok()) Raise(Explain(array.status(), text));
  return ToNdarray(*std::move(array));
}

nb::object Store::Snapshot(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  absl::StatusOr<AnyArray> array = Enter().Read([&](auto& target) -> absl::StatusOr<AnyArray> {
    NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, target.Lazy(text));
    return lazy.View();
  });
  if (!array.ok()) Raise(Explain(array.status(), text));
  return ToNdarray(*std::move(array));
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
  return ValueOrRaise(Session(handle_, batch_).Read([](auto& target) -> absl::StatusOr<int64_t> {
    return static_cast<int64_t>(target.List().size());
  }));
}

nb::dict Store::Infos() const {
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
