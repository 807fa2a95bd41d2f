#include "numpack/batch/batch_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"

namespace numpack {
namespace {

// Whether freeing our reference would free no memory, because somebody else has one.
bool HeldElsewhere(const AnyArray& array) {
  return array.owner() == nullptr || array.owner().use_count() > 1 ||
         array.owner()->HeldElsewhere();
}

}  // namespace

BatchState::BatchState(ArrayStore store, BatchOptions options)
    : store_(std::move(store)),
      factory_(std::move(options.factory)),
      policy_(options.memory_limit_bytes) {}

absl::Status BatchState::CheckActive() const {
  if (!over_) return absl::OkStatus();
  return absl::FailedPreconditionError("the batch is over: begin a new one");
}

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
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  doomed_ = doomed_ || !commit;
  if (--depth_ > 0) return absl::OkStatus();
  absl::Status status;
  if (!doomed_) {
    status = Publish();
  } else if (commit) {
    status = absl::AbortedError(
        "a nested batch was destroyed without Commit: nothing of the batch was published");
  }
  over_ = true;
  transaction_.reset();
  ForgetAll();
  absl::Status closed = store_.Close();
  return status.ok() ? closed : status;
}

absl::Status BatchState::BeginChanges() {
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (transaction_.has_value()) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_.Begin());
  transaction_.emplace(std::move(transaction));
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

absl::StatusOr<AnyArray> BatchState::Load(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (policy_.Touch(name)) return values_.find(name)->second.array;
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, BelowCache(name));
  const auto bytes = static_cast<uint64_t>(lazy.nbytes());
  if (policy_.Fits(bytes)) NUMPACK_RETURN_IF_ERROR(MakeRoom(bytes));
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, lazy.Load(factory_));
  if (policy_.Insert(name, bytes, /*dirty=*/false)) values_[name] = Value{array, 0};
  return array;
}

absl::StatusOr<LazyArray> BatchState::Lazy(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  NUMPACK_RETURN_IF_ERROR(WriteBack(name));
  return BelowCache(name);
}

absl::Status BatchState::Save(absl::string_view name, AnyArray array) {
  NUMPACK_RETURN_IF_ERROR(Validate(array.view()));
  if (name.empty()) return absl::InvalidArgumentError("an array's name must not be empty");
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(BeginChanges());
  const bool was_dirty = IsDirty(name);
  std::optional<Value> replaced;
  if (const auto it = values_.find(name); it != values_.end()) replaced = std::move(it->second);
  DropValue(name);  // the array it replaces need not make room
  absl::Status status = Keep(name, std::move(array));
  if (status.ok()) {
    NoteSaved(name);
  } else if (replaced.has_value()) {
    const auto bytes = static_cast<uint64_t>(replaced->array.nbytes());
    if (policy_.Insert(name, bytes, was_dirty)) values_[name] = *std::move(replaced);
  }
  return status;
}

absl::Status BatchState::Keep(absl::string_view name, AnyArray array) {
  const auto bytes = static_cast<uint64_t>(array.nbytes());
  if (!policy_.Fits(bytes)) return transaction_->Save(name, array.view());
  NUMPACK_RETURN_IF_ERROR(MakeRoom(bytes));
  if (policy_.Insert(name, bytes, /*dirty=*/true)) {
    values_[name] = Value{std::move(array), NowMicros()};
  }
  return absl::OkStatus();
}

void BatchState::NoteSaved(absl::string_view name) {
  if (saved_.insert(std::string(name)).second) save_order_.emplace_back(name);
}

absl::Status BatchState::WriteBack(absl::string_view name) {
  if (!IsDirty(name)) return absl::OkStatus();
  return transaction_->Save(name, values_.find(name)->second.array.view());
}

void BatchState::DropValue(absl::string_view name) {
  policy_.Erase(name);
  values_.erase(name);
}

absl::Status BatchState::MakeRoom(uint64_t incoming) {
  while (const std::optional<CachePolicy::Victim> victim = policy_.NextVictim(incoming)) {
    const auto it = values_.find(victim->key);
    if (HeldElsewhere(it->second.array)) {
      policy_.Refuse(victim->key);
      continue;
    }
    if (victim->dirty) NUMPACK_RETURN_IF_ERROR(WriteBack(victim->key));
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
  std::vector<std::string> names = transaction_.has_value() ? transaction_->List() : store_.List();
  const absl::flat_hash_set<absl::string_view> known(names.begin(), names.end());
  std::vector<std::string> result = names;
  for (const std::string& name : save_order_) {
    if (IsDirty(name) && !known.contains(name)) result.push_back(name);
  }
  return result;
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
  NUMPACK_RETURN_IF_ERROR(WriteBack(name));
  NUMPACK_RETURN_IF_ERROR(operation(*transaction_));
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
  NUMPACK_RETURN_IF_ERROR(WriteBack(name));
  NUMPACK_RETURN_IF_ERROR(operation(*transaction_));
  if (!transaction_->Contains(name)) DropValue(name);
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
  for (const std::string& name : save_order_) NUMPACK_RETURN_IF_ERROR(WriteBack(name));
  return transaction_->Publish();
}

absl::Status BatchState::Flush() {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  NUMPACK_RETURN_IF_ERROR(Publish());
  transaction_.reset();
  ForgetAll();
  return absl::OkStatus();
}

void BatchState::Rollback() {
  absl::MutexLock lock(&mu_);
  transaction_.reset();
  ForgetAll();
}

void BatchState::ForgetAll() {
  policy_.Clear();
  values_.clear();
  save_order_.clear();
  saved_.clear();
}

BatchStats BatchState::stats() const {
  absl::MutexLock lock(&mu_);
  const CacheStats counted = policy_.stats();
  BatchStats stats;
  stats.hits = static_cast<int64_t>(counted.hits);
  stats.misses = static_cast<int64_t>(counted.misses);
  stats.evictions = static_cast<int64_t>(counted.evictions);
  stats.spills = static_cast<int64_t>(counted.spills);
  stats.cached_bytes = counted.cached_bytes;
  stats.pinned_bytes = counted.held_bytes;
  stats.spilled_bytes = counted.spilled_bytes;
  stats.peak_bytes = counted.peak_bytes;
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

std::optional<AnyArray> BatchState::Cached(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto it = values_.find(name);
  if (it == values_.end()) return std::nullopt;
  return it->second.array;
}

absl::Status BatchState::Forget(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(WriteBack(name));
  DropValue(name);
  return absl::OkStatus();
}

}  // namespace numpack
