// Changing arrays, in and out of a batch.

#include <optional>
#include <utility>
#include <vector>

#include "numpack/base/status_macros.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/changes.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/results.h"
#include "python/numpack/native/rows.h"
#include "python/numpack/native/status.h"
#include "python/numpack/native/store.h"

namespace numpack::python {

namespace nb = nanobind;

void Store::Save(nb::handle arrays) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  if (named.empty()) return;
  if (session.batch() == nullptr) {
    std::vector<NamedView> views;
    views.reserve(named.size());
    for (const NamedNdarray& array : named) views.push_back({array.name, array.view});
    Check(session.OnStore([&](NumPack& store) { return store.Save(views); }));
    return;
  }
  const uint64_t version = session.batch()->version();
  std::vector<AnyArray> shared;
  shared.reserve(named.size());
  for (const NamedNdarray& array : named) shared.push_back(Share(array.ndarray));
  Check(WithoutGil([&]() -> absl::Status {
    for (size_t i = 0; i < named.size(); ++i) {
      NUMPACK_RETURN_IF_ERROR(session.batch()->Save(named[i].name, std::move(shared[i])));
    }
    return absl::OkStatus();
  }));
  if (session.batch() != batch_) return;
  for (const NamedNdarray& array : named) hot_.NoteSaved(array.key, array.ndarray, version);
}

bool Store::SaveHot(PyObject* arrays) {
  if (!IsHot() || !PyDict_CheckExact(arrays) || NB_DICT_GET_SIZE(arrays) == 0) return false;
  const uint64_t version = batch_->version();
  PyObject* name = nullptr;
  PyObject* value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(arrays, &at, &name, &value) != 0;) {
    if (!hot_.IsSaved(name, value, version)) return false;
  }
  return true;
}

void Store::SettleSaves() const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return;
  hot_.SettleSaves(batch->version(), [&](const nb::object& name, const nb::object& ndarray) {
    AnyArray shared = Share(ndarray);
    const absl::string_view text = NameOf(name);
    Check(WithoutGil([&] { return batch->Save(text, std::move(shared)); }));
  });
}

void Store::Append(nb::handle arrays) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  if (named.empty()) return;
  Check(session.Change([&](auto& target) { return AppendAll(target, named); }));
}

void Store::Replace(nb::handle arrays, nb::handle indexes) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  const RowIndex index = RowIndex::Parse(indexes, RowUse::kReplace);
  if (named.empty()) return;
  Check(session.Change([&](auto& target) { return ReplaceAll(target, named, index); }));
}

void Store::Drop(nb::handle names, nb::handle indexes) {
  const Session session = Enter();
  const std::vector<std::string> list = NamesOf(names);
  std::optional<RowIndex> index;
  if (!indexes.is_none()) index = RowIndex::Parse(indexes, RowUse::kDrop);
  if (list.empty() || (index.has_value() && index->IsEmptyList())) return;
  Check(session.Change(
      [&](auto& target) { return DropAll(target, list, index.has_value() ? &*index : nullptr); }));
}

void Store::Remove(nb::handle names) {
  const Session session = Enter();
  const std::vector<std::string> list = NamesOf(names);
  if (list.empty()) return;
  Check(session.Change([&](auto& target) { return RemoveAll(target, list); }));
}

void Store::Update(nb::handle name) const {
  const Session session = Enter();
  const std::string array(NameOf(name));
  if (session.batch() != nullptr) {
    ArrayShape(name);  // compacting would take the loaded array out of the batch: later will do
    return;
  }
  Check(session.OnStore([&](NumPack& store) { return Explain(store.Compact(array), array); }));
}

void Store::Clone(nb::handle source, nb::handle target) {
  const Session session = Enter();
  const std::string from(NameOf(source));
  const std::string to(NameOf(target));
  Check(session.Change([&](auto& changed) { return CloneOne(changed, from, to); }));
}

void Store::Reset() {
  Check(Enter().Change([](auto& target) { return target.Clear(); }));
}

nb::dict Store::Vacuum() {
  const VacuumReport report = ValueOrRaise(Enter().OnStore(
      [](NumPack& store) -> absl::StatusOr<VacuumReport> { return store.Vacuum(); }));
  nb::dict result;
  result["before_bytes"] = report.before_bytes;
  result["after_bytes"] = report.after_bytes;
  result["reclaimed_bytes"] = report.reclaimed_bytes();
  result["compacted_arrays"] = report.compacted_arrays;
  result["moved_arrays"] = report.moved_arrays;
  result["copied_bytes"] = report.copied_bytes;
  result["held"] = TextList(report.held);
  result["held_bytes"] = report.held_bytes;
  return result;
}

}  // namespace numpack::python
