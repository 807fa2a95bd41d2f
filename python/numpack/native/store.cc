#include "python/numpack/native/store.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/changes.h"
#include "python/numpack/native/lazy.h"
#include "python/numpack/native/ndarray.h"
#include "python/numpack/native/rows.h"
#include "python/numpack/native/status.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;

absl::Status Closed(absl::string_view path) {
  return PythonError("RuntimeError",
                     absl::StrCat("NumPack '", path, "' is not opened or has been closed"));
}

nb::object ShapeTuple(const Shape& shape) {
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(shape.size())));
  if (!tuple.is_valid()) throw nb::python_error();
  for (size_t i = 0; i < shape.size(); ++i) {
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(shape[i]));
  }
  return tuple;
}

nb::list StringList(const std::vector<std::string>& strings) {
  nb::list list;
  for (const std::string& string : strings) list.append(nb::str(string.data(), string.size()));
  return list;
}

// True for True, False for False and None; TypeError for others.
bool IsLazy(nb::handle lazy) {
  if (lazy.ptr() == Py_True) return true;
  if (lazy.ptr() == Py_False || lazy.is_none()) return false;
  Raise(PythonError("TypeError",
                    absl::StrCat("lazy must be a bool, not ", Py_TYPE(lazy.ptr())->tp_name)));
}

// A writable copy of the rows that `index` selects.
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

}  // namespace

// --- Life cycle

Store::~Store() {
  if (!is_open()) return;
  if (absl::Status status = CloseStatus(); !status.ok()) {
    try {
      Raise(status);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("numpack: closing a store that nobody closed");
    }
  }
}

void Store::Open(double lock_wait_seconds) {
  if (is_open()) return;
  StoreOptions options;
  options.lock_wait = absl::Seconds(lock_wait_seconds);
  absl::StatusOr<std::shared_ptr<Handle>> opened =
      WithoutGil([&]() -> absl::StatusOr<std::shared_ptr<Handle>> {
        NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(path_, options));
        return std::make_shared<Handle>(std::move(store));
      });
  std::shared_ptr<Handle> handle = ValueOrRaise(std::move(opened));
  if (!is_open()) {
    handle_ = std::move(handle);
    return;
  }
  WithoutGil([&handle] { handle.reset(); });  // another thread was faster
}

absl::Status Store::CloseStatus() {
  std::shared_ptr<Handle> handle = std::move(handle_);
  std::shared_ptr<Batch> batch = std::move(batch_);
  writable_.reset();  // its block goes on with it
  batch_depth_ = 0;
  if (handle == nullptr) return absl::OkStatus();
  return WithoutGil([&]() -> absl::Status {
    absl::Status published;
    if (batch != nullptr) published = batch->Commit();
    batch.reset();
    absl::Status closed;
    {
      std::unique_lock<std::shared_mutex> alone(handle->mutex);
      closed = handle->store.Close();
    }
    handle.reset();
    // A directory that has been removed under us has nothing left to close.
    if (absl::IsNotFound(closed)) closed = absl::OkStatus();
    return published.ok() ? closed : published;
  });
}

void Store::Close() { Check(CloseStatus()); }

Store::Session Store::Enter() const {
  if (handle_ == nullptr) Raise(Closed(path_));
  if (strict_ && !in_context_) {
    Raise(PythonError("RuntimeError", absl::StrCat("NumPack '", path_,
                                                   "' is in strict context mode: use it in a "
                                                   "`with` block")));
  }
  return {handle_, batch_};
}

template <typename Work>
auto Store::Read(const Session& session, Work&& work) const {
  return WithoutGil([&]() -> decltype(work(*session.batch)) {
    if (session.batch != nullptr) return work(*session.batch);
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    return work(session.handle->store);
  });
}

template <typename Work>
absl::Status Store::Change(const Session& session, Work&& work) const {
  return WithoutGil([&]() -> absl::Status {
    if (session.batch != nullptr) return work(*session.batch);
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, session.handle->store.Begin());
    NUMPACK_RETURN_IF_ERROR(work(transaction));
    return transaction.Commit();
  });
}

void Store::Flush() {
  const Session session = Enter();
  Check(WithoutGil([&]() -> absl::Status {
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    return session.handle->store.Flush();
  }));
}

// --- Reading

nb::object Store::Load(nb::handle name, nb::handle lazy) const {
  const bool is_lazy = IsLazy(lazy);
  const absl::string_view text = NameOf(name);
  const Session session = Enter();
  if (is_lazy) {
    if (session.batch != nullptr) {
      if (nb::object cached = Cached(name); !cached.is_none()) return cached;
    }
    return NewLazyArray(Snapshot(name), nb::borrow(name));
  }
  absl::StatusOr<AnyArray> array = WithoutGil([&]() -> absl::StatusOr<AnyArray> {
    if (session.batch != nullptr) return session.batch->Load(text);
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    return session.handle->store.Load(text, NewNdarray);
  });
  if (!array.ok()) Raise(Explain(array.status(), text));
  return ToNdarray(*std::move(array));
}

nb::object Store::Snapshot(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  absl::StatusOr<AnyArray> array = Read(Enter(), [&](auto& target) -> absl::StatusOr<AnyArray> {
    NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, target.Lazy(text));
    return lazy.View();
  });
  if (!array.ok()) Raise(Explain(array.status(), text));
  return ToNdarray(*std::move(array));
}

nb::object Store::GetItem(nb::handle name, nb::handle indexes) const {
  const absl::string_view text = NameOf(name);
  const RowIndex index = RowIndex::Parse(indexes, RowUse::kGet);
  absl::StatusOr<AnyArray> rows = Read(Enter(), [&](auto& target) -> absl::StatusOr<AnyArray> {
    absl::StatusOr<LazyArray> lazy = target.Lazy(text);
    if (!lazy.ok()) return Explain(lazy.status(), text);
    return CopyRows(*lazy, text, index);
  });
  return ToNdarray(ValueOrRaise(std::move(rows)));
}

nb::object Store::Shape(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  const ArrayInfo info = ValueOrRaise(Read(
      Enter(), [&](auto& target) -> absl::StatusOr<ArrayInfo> { return InfoOf(target, text); }));
  return ShapeTuple(info.shape);
}

nb::object Store::ModifyTime(nb::handle name) const {
  const absl::string_view text = NameOf(name);
  const absl::StatusOr<ArrayInfo> info =
      Read(Enter(), [&](auto& target) -> absl::StatusOr<ArrayInfo> { return target.Info(text); });
  if (info.ok()) return nb::int_(info->modified_us);
  const absl::Status explained = Explain(info.status(), text);
  if (!absl::IsNotFound(explained) || explained == info.status()) Raise(info.status());
  return nb::none();
}

nb::list Store::Names() const {
  return StringList(
      ValueOrRaise(Read(Enter(), [](auto& target) -> absl::StatusOr<std::vector<std::string>> {
        return target.List();
      })));
}

bool Store::Contains(nb::handle name) const {
  const Session session = Enter();
  if (!PyUnicode_Check(name.ptr())) return false;
  const absl::string_view text = NameOf(name);
  return ValueOrRaise(
      Read(session, [&](auto& target) -> absl::StatusOr<bool> { return target.Contains(text); }));
}

int64_t Store::Count() const {
  if (handle_ == nullptr) return 0;
  return ValueOrRaise(Read(Session{handle_, batch_}, [](auto& target) -> absl::StatusOr<int64_t> {
    return static_cast<int64_t>(target.List().size());
  }));
}

nb::dict Store::Infos() const {
  using NamedInfo = std::pair<std::string, ArrayInfo>;
  const auto infos =
      ValueOrRaise(Read(Enter(), [](auto& target) -> absl::StatusOr<std::vector<NamedInfo>> {
        std::vector<NamedInfo> all;
        for (std::string& name : target.List()) {
          absl::StatusOr<ArrayInfo> info = target.Info(name);
          if (info.ok()) all.emplace_back(std::move(name), *std::move(info));  // else just removed
        }
        return all;
      }));
  nb::dict result;
  for (const auto& [name, info] : infos) {
    result[nb::str(name.data(), name.size())] = nb::make_tuple(
        ShapeTuple(info.shape), NumpyDType(info.dtype), info.nbytes, info.modified_us);
  }
  return result;
}

nb::list Store::Interrupted() const {
  const Session session = Enter();
  return StringList(WithoutGil([&] {
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    return session.handle->store.is_open() ? session.handle->store.Interrupted()
                                           : std::vector<std::string>();
  }));
}

// --- Changing

void Store::Save(nb::handle arrays) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  if (named.empty()) return;
  if (session.batch != nullptr) {
    std::vector<AnyArray> shared;
    shared.reserve(named.size());
    for (const NamedNdarray& array : named) shared.push_back(Share(array.ndarray));
    Check(WithoutGil([&]() -> absl::Status {
      for (size_t i = 0; i < named.size(); ++i) {
        NUMPACK_RETURN_IF_ERROR(session.batch->Save(named[i].name, std::move(shared[i])));
      }
      return absl::OkStatus();
    }));
    return;
  }
  std::vector<NamedView> views;
  views.reserve(named.size());
  for (const NamedNdarray& array : named) views.push_back({array.name, array.view});
  Check(WithoutGil([&]() -> absl::Status {
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    return session.handle->store.Save(views);
  }));
}

void Store::Append(nb::handle arrays) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  if (named.empty()) return;
  Check(Change(session, [&](auto& target) { return AppendAll(target, named); }));
}

void Store::Replace(nb::handle arrays, nb::handle indexes) {
  const Session session = Enter();
  const std::vector<NamedNdarray> named = NdarraysOf(arrays);
  const RowIndex index = RowIndex::Parse(indexes, RowUse::kReplace);
  if (named.empty()) return;
  Check(Change(session, [&](auto& target) { return ReplaceAll(target, named, index); }));
}

void Store::Drop(nb::handle names, nb::handle indexes) {
  const Session session = Enter();
  const std::vector<std::string> list = NamesOf(names);
  std::optional<RowIndex> index;
  if (!indexes.is_none()) index = RowIndex::Parse(indexes, RowUse::kDrop);
  if (list.empty() || (index.has_value() && index->IsEmptyList())) return;
  Check(Change(session,
               [&](auto& target) { return DropAll(target, list, index ? &*index : nullptr); }));
}

void Store::Remove(nb::handle names) {
  const Session session = Enter();
  const std::vector<std::string> list = NamesOf(names);
  if (list.empty()) return;
  Check(Change(session, [&](auto& target) { return RemoveAll(target, list); }));
}

void Store::Update(nb::handle name) {
  // Dropping rows already gives their space back: all that is left to do is to tell whether the
  // array is there.
  Shape(name);
}

void Store::Clone(nb::handle source, nb::handle target) {
  const Session session = Enter();
  const std::string from(NameOf(source));
  const std::string to(NameOf(target));
  Check(Change(session, [&](auto& changed) { return CloneOne(changed, from, to); }));
}

void Store::Reset() {
  Check(Change(Enter(), [](auto& target) { return target.Clear(); }));
}

// --- Batch mode

int64_t Store::BeginBatch(std::optional<double> memory_limit_bytes) {
  const Session session = Enter();
  if (batch_ != nullptr) {
    ++batch_depth_;
    return batch_number_;
  }
  BatchOptions options;
  options.factory = NewNdarray;
  constexpr double kUnlimited = 9e18;
  if (memory_limit_bytes.has_value() && *memory_limit_bytes < kUnlimited) {
    options.memory_limit_bytes = static_cast<uint64_t>(*memory_limit_bytes);
  }
  absl::StatusOr<std::shared_ptr<Batch>> begun =
      WithoutGil([&]() -> absl::StatusOr<std::shared_ptr<Batch>> {
        std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
        if (!session.handle->store.is_open()) return Closed(path_);
        NUMPACK_ASSIGN_OR_RETURN(Batch batch, session.handle->store.BeginBatch(std::move(options)));
        return std::make_shared<Batch>(std::move(batch));
      });
  std::shared_ptr<Batch> batch = ValueOrRaise(std::move(begun));
  if (batch_ != nullptr) {
    // Another thread was faster: ours joined its batch.
    ++batch_depth_;
    Check(WithoutGil([&batch] { return batch->Commit(); }));
    return batch_number_;
  }
  batch_ = std::move(batch);
  batch_depth_ = 1;
  return ++batch_number_;
}

void Store::EndBatch(int64_t number) {
  if (batch_ == nullptr || number != batch_number_) return;
  if (--batch_depth_ > 0) return;
  std::shared_ptr<Batch> batch = std::move(batch_);
  Check(WithoutGil([&batch] {
    absl::Status status = batch->Commit();
    batch.reset();
    return status;
  }));
}

void Store::FlushBatch() {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch != nullptr) Check(WithoutGil([&] { return batch->Flush(); }));
}

nb::dict Store::BatchStatistics() const {
  nb::dict result;
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return result;
  const BatchStats stats = WithoutGil([&] { return batch->stats(); });
  result["hits"] = stats.hits;
  result["misses"] = stats.misses;
  result["evictions"] = stats.evictions;
  result["spills"] = stats.spills;
  result["cached_bytes"] = stats.cached_bytes;
  result["pinned_bytes"] = stats.pinned_bytes;
  result["spilled_bytes"] = stats.spilled_bytes;
  result["peak_bytes"] = stats.peak_bytes;
  return result;
}

nb::list Store::CachedNames() const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::list();
  return StringList(WithoutGil([&] { return batch->CachedNames(); }));
}

nb::list Store::DirtyNames() const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::list();
  return StringList(WithoutGil([&] { return batch->DirtyNames(); }));
}

nb::object Store::Cached(nb::handle name) const {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return nb::none();
  const absl::string_view text = NameOf(name);
  std::optional<AnyArray> array = WithoutGil([&] { return batch->Cached(text); });
  if (!array.has_value()) return nb::none();
  return ToNdarray(*std::move(array));
}

void Store::Forget(nb::handle name) {
  const std::shared_ptr<Batch> batch = batch_;
  if (batch == nullptr) return;
  const absl::string_view text = NameOf(name);
  Check(WithoutGil([&] { return batch->Forget(text); }));
}

// --- Writable batch mode

std::shared_ptr<WritableArrays> Store::BeginWritable() {
  const Session session = Enter();
  if (writable_ != nullptr && !writable_->over()) {
    writable_->Join();
    return writable_;
  }
  absl::StatusOr<WritableBatch> begun = WithoutGil([&]() -> absl::StatusOr<WritableBatch> {
    std::shared_lock<std::shared_mutex> shared(session.handle->mutex);
    if (!session.handle->store.is_open()) return Closed(path_);
    return session.handle->store.BeginWritable();
  });
  auto arrays = std::make_shared<WritableArrays>(ValueOrRaise(std::move(begun)));
  if (writable_ != nullptr && !writable_->over()) {
    arrays->Leave();  // another thread was faster
    writable_->Join();
    return writable_;
  }
  writable_ = std::move(arrays);
  return writable_;
}

}  // namespace numpack::python
