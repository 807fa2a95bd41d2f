#include "numpack/batch/batch_state.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "numpack/base/mode_error.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/gather.h"
#include "numpack/core/rows.h"

namespace numpack {
namespace {

// Whether somebody outside the batch can reach the elements: then freeing our reference would free
// no memory, and they can change.
bool HeldElsewhere(const AnyArray& array) {
  return array.owner() == nullptr || array.owner().use_count() > 1 ||
         array.owner()->HeldElsewhere();
}

// Whether the stored array is, bit for bit, the one in memory. False also where that would take a
// copy to find out, or cannot be read.
bool SameElements(const LazyArray& stored, const AnyArray& array) {
  if (stored.dtype() != array.dtype() || stored.shape() != array.shape() ||
      !array.view().IsContiguous()) {
    return false;
  }
  if (array.nbytes() == 0) return true;
  const absl::StatusOr<AnyArray> view = stored.View();
  return view.ok() &&
         std::memcmp(view->data(), array.data(), static_cast<size_t>(array.nbytes())) == 0;
}

// Whether both name the same elements in the same order.
bool SameMemory(const AnyArray& a, const AnyArray& b) {
  return a.data() == b.data() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         a.view().strides == b.view().strides;
}

// Whether a binding's callers would see one object.
bool SameObject(const AnyArray& a, const AnyArray& b) {
  return SameMemory(a, b) && a.owner() != nullptr && b.owner() != nullptr &&
         a.owner()->identity() == b.owner()->identity();
}

// A copy of the given rows of an array in memory.
absl::StatusOr<AnyArray> CopyRows(const AnyArray& array, absl::Span<const int64_t> rows,
                                  const ArrayFactory& factory) {
  const ArrayInfo info{array.dtype(), array.shape(), array.nbytes(), 0};
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> resolved, ResolveRows(rows, info));
  ArrayView row = array.view();
  const int64_t stride = row.strides[0];
  row.shape.erase(row.shape.begin());
  row.strides.erase(row.strides.begin());
  Shape shape = array.shape();
  shape[0] = static_cast<int64_t>(rows.size());
  NUMPACK_ASSIGN_OR_RETURN(AnyArray copy, factory(array.dtype(), shape));
  std::byte* to = copy.mutable_data();
  if (array.view().IsContiguous()) {
    GatherRows(array.data(), static_cast<size_t>(RowBytes(info)), resolved, to);
    return copy;
  }
  for (const int64_t index : resolved) {
    row.data = array.data() + index * stride;
    CopyElements(row, to);
    to += row.nbytes();
  }
  return copy;
}

}  // namespace

absl::Status BatchIsOver() { return ModeError("the batch is over: begin a new one"); }

BatchState::BatchState(ArrayStore store, BatchOptions options)
    : store_(std::move(store)),
      factory_(std::move(options.factory)),
      on_unsaved_change_(std::move(options.on_unsaved_change)),
      policy_(options.memory_limit_bytes, options.eviction) {}

absl::Status BatchState::CheckActive() const { return over_ ? BatchIsOver() : absl::OkStatus(); }

absl::Status BatchState::Join() {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  ++depth_;
  return absl::OkStatus();
}

bool BatchState::active() const {
  absl::MutexLock lock(&mu_);
  return !over_;
}

absl::Status BatchState::Leave(bool commit) {
  std::vector<std::string> unsaved;
  const auto report = absl::MakeCleanup([&] { ReportUnsaved(unsaved); });  // after the unlocking
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  doomed_ = doomed_ || !commit;
  if (--depth_ > 0) return absl::OkStatus();
  absl::Status status;
  if (!doomed_) {
    unsaved = TakeUnsaved();
    status = PublishTimed();
  } else if (commit) {
    status = absl::AbortedError(
        "a nested batch was discarded or destroyed without Commit: nothing of the batch was "
        "published");
  }
  over_ = true;
  ForgetAll();  // first: what it pins cannot be given back
  transaction_.reset();
  absl::Status closed = store_.Close();
  return status.ok() ? closed : status;
}

absl::Status BatchState::BeginChanges() {
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  const auto nobody_begins = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !beginning_; };
  mu_.Await(absl::Condition(&nobody_begins));
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (transaction_.has_value()) return absl::OkStatus();
  // A handle for the wait alone: another thread may end the batch, and close ours, meanwhile.
  NUMPACK_ASSIGN_OR_RETURN(ArrayStore handle, store_.Duplicate());
  beginning_ = true;
  mu_.Unlock();
  absl::StatusOr<Transaction> transaction = handle.Begin();
  mu_.Lock();
  beginning_ = false;
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (!transaction.ok()) return transaction.status();
  transaction_.emplace(*std::move(transaction));
  return absl::OkStatus();
}

bool BatchState::IsDirty(absl::string_view name) const { return policy_.IsDirty(name); }

bool BatchState::IsPending(absl::string_view name) const {
  return IsDirty(name) ||
         (transaction_.has_value() ? transaction_->Contains(name) : store_.Contains(name));
}

absl::StatusOr<LazyArray> BatchState::BelowCache(absl::string_view name) const {
  return transaction_.has_value() ? transaction_->Lazy(name) : store_.Lazy(name);
}

AnyArray BatchState::HandOut(Value& value) {
  if (value.copy == Copy::kSame) value.copy = Copy::kEarlier;  // the caller may change it now
  return value.array;
}

absl::StatusOr<AnyArray> BatchState::Load(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (policy_.Touch(name)) return HandOut(values_.find(name)->second);
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, BelowCache(name));
  const auto bytes = static_cast<uint64_t>(lazy.nbytes());
  if (policy_.Fits(bytes)) NUMPACK_RETURN_IF_ERROR(MakeRoom(bytes));
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, lazy.Load(factory_));
  if (policy_.Insert(name, bytes, /*dirty=*/false)) {
    Value& value = values_[name];
    value.array = array;
    if (on_unsaved_change_ != nullptr) value.loaded = lazy;
  }
  return array;
}

absl::StatusOr<LazyArray> BatchState::Lazy(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  NUMPACK_RETURN_IF_ERROR(WriteAhead(name));
  return BelowCache(name);
}

absl::StatusOr<AnyArray> BatchState::LoadRows(absl::string_view name,
                                              absl::Span<const int64_t> rows,
                                              const ArrayFactory& factory) {
  std::optional<AnyArray> saved;
  LazyArray lazy;
  {
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(CheckActive());
    if (IsDirty(name)) {
      saved = values_.find(name)->second.array;
    } else {
      NUMPACK_ASSIGN_OR_RETURN(lazy, BelowCache(name));
    }
  }
  return saved.has_value() ? CopyRows(*saved, rows, factory) : lazy.LoadRows(rows, factory);
}

absl::Status BatchState::Save(absl::string_view name, AnyArray array) {
  NUMPACK_RETURN_IF_ERROR(Validate(array.view()));
  if (name.empty()) return absl::InvalidArgumentError("an array's name must not be empty");
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  const bool was_dirty = IsDirty(name);
  const uint64_t place = PlaceOf(name);
  std::optional<Value> replaced;
  if (const auto it = values_.find(name); it != values_.end()) replaced = std::move(it->second);
  if (replaced.has_value() && !SameObject(replaced->array, array)) NewVersion();
  // Saved once more: what was written of it may still be right.
  const bool again = was_dirty && SameMemory(replaced->array, array);
  const Copy copy = again && replaced->copy != Copy::kNone ? Copy::kEarlier : Copy::kNone;
  const uint64_t room = replaced.has_value() ? static_cast<uint64_t>(replaced->array.nbytes()) : 0;
  absl::Status status = Keep(name, std::move(array), copy, place, room);
  if (status.ok()) {
    NoteSaved(name);
  } else if (replaced.has_value()) {
    values_[name] = *std::move(replaced);
  }
  return status;
}

uint64_t BatchState::PlaceOf(absl::string_view name) {
  if (transaction_->Contains(name)) return 0;
  return IsDirty(name) ? values_.find(name)->second.place : transaction_->TakePlace();
}

absl::Status BatchState::Keep(absl::string_view name, AnyArray array, Copy copy, uint64_t place,
                              uint64_t room) {
  const auto bytes = static_cast<uint64_t>(array.nbytes());
  if (!policy_.Fits(bytes)) {
    NUMPACK_RETURN_IF_ERROR(transaction_->Save(name, array.view(), place));
    DropValue(name);
    ++spills_;
    spilled_bytes_ += bytes;
    return absl::OkStatus();
  }
  NUMPACK_RETURN_IF_ERROR(MakeRoom(bytes - std::min(bytes, room), name));
  if (policy_.Insert(name, bytes, /*dirty=*/true)) {
    values_[name] = Value{std::move(array), NowMicros(), copy, {}, place};
  }
  return absl::OkStatus();
}

void BatchState::NoteSaved(absl::string_view name) {
  if (saved_.insert(std::string(name)).second) save_order_.emplace_back(name);
}

BatchState::Value* BatchState::FindUnwritten(absl::string_view name) {
  if (!IsDirty(name)) return nullptr;
  Value& value = values_.find(name)->second;
  if (value.copy == Copy::kSame) return nullptr;
  if (value.copy == Copy::kEarlier) {
    const absl::StatusOr<LazyArray> written = transaction_->Lazy(name);
    if (written.ok() && SameElements(*written, value.array)) {
      NoteWritten(value);
      return nullptr;
    }
  }
  return &value;
}

void BatchState::NoteWritten(Value& value) {
  value.copy = HeldElsewhere(value.array) ? Copy::kEarlier : Copy::kSame;
  if (value.copy == Copy::kSame) NewVersion();  // whoever takes it now has to say so
}

absl::Status BatchState::WriteAhead(absl::string_view name) {
  Value* const value = FindUnwritten(name);
  if (value == nullptr) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(transaction_->Save(name, value->array.view(), value->place));
  NoteWritten(*value);
  spilled_bytes_ += static_cast<uint64_t>(value->array.nbytes());
  return absl::OkStatus();
}

void BatchState::DropValue(absl::string_view name) {
  NewVersion();
  policy_.Erase(name);
  values_.erase(name);
}

absl::Status BatchState::MakeRoom(uint64_t incoming, absl::string_view except) {
  while (const std::optional<CachePolicy::Victim> victim = policy_.NextVictim(incoming)) {
    if (victim->key == except) {
      policy_.Refuse(victim->key);
      continue;
    }
    const auto it = values_.find(victim->key);
    if (HeldElsewhere(it->second.array)) {
      policy_.Refuse(victim->key);
      continue;
    }
    if (victim->dirty) {
      NUMPACK_RETURN_IF_ERROR(WriteAhead(victim->key));
      ++spills_;
    } else if (HasUnsavedChange(victim->key)) {
      unsaved_.insert(std::string(victim->key));
    }
    NewVersion();
    values_.erase(it);
    policy_.Evict(victim->key);
  }
  return absl::OkStatus();
}

bool BatchState::Contains(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  return !over_ && IsPending(name);
}

std::vector<std::string> BatchState::List() {
  absl::MutexLock lock(&mu_);
  if (over_) return {};
  if (!transaction_.has_value()) return store_.List();
  std::vector<PlacedName> to_come;
  for (const std::string& name : save_order_) {
    if (IsDirty(name) && !transaction_->Contains(name)) {
      to_come.push_back({values_.find(name)->second.place, name});
    }
  }
  return transaction_->List(to_come);
}

absl::StatusOr<ArrayInfo> BatchState::Info(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (IsDirty(name)) {
    const Value& value = values_.find(name)->second;
    return ArrayInfo{value.array.dtype(), value.array.shape(), value.array.nbytes(),
                     value.modified_us};
  }
  return transaction_.has_value() ? transaction_->Info(name) : store_.Info(name);
}

absl::Status BatchState::Change(absl::string_view name, Operation operation) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  NUMPACK_RETURN_IF_ERROR(WriteAhead(name));
  const bool unsaved = HasUnsavedChange(name);
  NUMPACK_RETURN_IF_ERROR(operation(*transaction_));
  if (unsaved) unsaved_.insert(std::string(name));
  DropValue(name);
  NoteSaved(name);
  return absl::OkStatus();
}

absl::Status BatchState::ChangeInto(absl::string_view name, absl::string_view target,
                                    Operation operation) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  if (IsPending(name) && IsPending(target)) {
    return absl::AlreadyExistsError(absl::StrCat("array '", target, "' already exists"));
  }
  NUMPACK_RETURN_IF_ERROR(WriteAhead(name));
  const bool unsaved = HasUnsavedChange(name);
  NUMPACK_RETURN_IF_ERROR(operation(*transaction_));
  if (!transaction_->Contains(name)) {
    if (unsaved) unsaved_.insert(std::string(name));
    DropValue(name);
  }
  NoteSaved(target);
  return absl::OkStatus();
}

absl::Status BatchState::Remove(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  const bool only_in_memory = IsDirty(name) && !transaction_->Contains(name);
  if (!only_in_memory) NUMPACK_RETURN_IF_ERROR(transaction_->Remove(name));
  DropValue(name);
  return absl::OkStatus();
}

absl::Status BatchState::Clear() {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  NUMPACK_RETURN_IF_ERROR(transaction_->Clear());
  ForgetAll();
  return absl::OkStatus();
}

absl::Status BatchState::Publish() {
  if (!transaction_.has_value()) return absl::OkStatus();  // nothing was changed
  std::vector<PlacedView> views;
  std::vector<Value*> values;
  for (const std::string& name : save_order_) {
    Value* const value = FindUnwritten(name);
    if (value == nullptr) continue;
    views.push_back({name, value->array.view(), value->place});
    values.push_back(value);
  }
  NUMPACK_RETURN_IF_ERROR(transaction_->SaveAll(views));
  for (Value* const value : values) NoteWritten(*value);
  return transaction_->Publish();
}

absl::Status BatchState::PublishTimed() {
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = Publish();
  flush_time_ += absl::FromChrono(std::chrono::steady_clock::now() - start);
  return status;
}

absl::Status BatchState::Flush() {
  std::vector<std::string> unsaved;
  const auto report = absl::MakeCleanup([&] { ReportUnsaved(unsaved); });  // after the unlocking
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  NUMPACK_RETURN_IF_ERROR(PublishTimed());
  unsaved = TakeUnsaved();
  transaction_.reset();
  ForgetAll();
  return absl::OkStatus();
}

void BatchState::Rollback() {
  absl::MutexLock lock(&mu_);
  ForgetAll();
  transaction_.reset();
}

void BatchState::ForgetAll() {
  NewVersion();
  policy_.Clear();
  values_.clear();
  save_order_.clear();
  saved_.clear();
  unsaved_.clear();
}

bool BatchState::HasUnsavedChange(absl::string_view name) const {
  if (on_unsaved_change_ == nullptr || IsDirty(name)) return false;
  const auto it = values_.find(name);
  return it != values_.end() && !SameElements(it->second.loaded, it->second.array);
}

std::vector<std::string> BatchState::TakeUnsaved() {
  if (on_unsaved_change_ == nullptr) return {};
  for (const auto& [name, value] : values_) {
    if (HasUnsavedChange(name)) unsaved_.insert(name);
  }
  std::vector<std::string> names(unsaved_.begin(), unsaved_.end());
  unsaved_.clear();
  std::sort(names.begin(), names.end());
  return names;
}

void BatchState::ReportUnsaved(const std::vector<std::string>& names) const {
  for (const std::string& name : names) on_unsaved_change_(name);
}

BatchStats BatchState::stats() const {
  absl::MutexLock lock(&mu_);
  const CacheStats counted = policy_.stats();
  BatchStats stats;
  stats.hits = static_cast<int64_t>(counted.hits);
  stats.misses = static_cast<int64_t>(counted.misses);
  stats.evictions = static_cast<int64_t>(counted.evictions);
  stats.spills = spills_;
  stats.cached_bytes = counted.cached_bytes;
  stats.pinned_bytes = counted.held_bytes;
  stats.spilled_bytes = spilled_bytes_;
  stats.peak_bytes = counted.peak_bytes;
  stats.flush_time = flush_time_;
  return stats;
}

std::vector<std::string> BatchState::CachedNames() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  names.reserve(values_.size());
  for (const auto& [name, value] : values_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> BatchState::DirtyNames() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  for (const std::string& name : save_order_) {
    if (IsPending(name)) names.push_back(name);
  }
  return names;
}

std::optional<AnyArray> BatchState::Cached(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  const auto it = values_.find(name);
  if (it == values_.end()) return std::nullopt;
  return HandOut(it->second);
}

absl::Status BatchState::Forget(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  NUMPACK_RETURN_IF_ERROR(WriteAhead(name));
  if (HasUnsavedChange(name)) unsaved_.insert(std::string(name));
  DropValue(name);
  return absl::OkStatus();
}

}  // namespace numpack
