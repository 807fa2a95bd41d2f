// Opening and closing, and reading. Writing: store_write.cc; in-place changes: store_in_place.cc.
#include "numpack/storage/store.h"

#include <algorithm>
#include <utility>

#include "absl/base/no_destructor.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

constexpr char kLockFile[] = "writer.lock";
// Beyond the contents: on Windows a locked range cannot be read by others, and they read the
// process id.
constexpr uint64_t kLockOffset = uint64_t{1} << 62;
constexpr size_t kLockTextBytes = 24;

// The live stores of this process. Opening is serialized for each directory, not across
// directories.
struct Slot {
  absl::Mutex mu;
  std::weak_ptr<Store> store ABSL_GUARDED_BY(mu);
};
struct Registry {
  absl::Mutex mu;
  absl::flat_hash_map<std::string, std::shared_ptr<Slot>> slots ABSL_GUARDED_BY(mu);
};

Registry& TheRegistry() {
  static absl::NoDestructor<Registry> registry;
  return *registry;
}

std::shared_ptr<Slot> FindSlot(const std::string& identity) {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mu);
  // Slots of stores that are gone and that nobody is opening.
  absl::erase_if(registry.slots, [](const auto& item) {
    if (item.second.use_count() > 1) return false;
    absl::MutexLock slot_lock(&item.second->mu);
    return item.second->store.expired();
  });
  std::shared_ptr<Slot>& slot = registry.slots[identity];
  if (slot == nullptr) slot = std::make_shared<Slot>();
  return slot;
}

std::string ReadLockHolder(File& file) {
  std::string text(kLockTextBytes, '\0');
  const absl::Status status =
      file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size()));
  if (!status.ok()) return "another process";
  return absl::StrCat("process ", text.substr(0, text.find_first_of(std::string("\n\0", 2))));
}

}  // namespace

Store::Store(std::shared_ptr<Backend> backend, const StoreOptions& options)
    : backend_(std::move(backend)),
      lock_wait_(options.lock_wait),
      durability_(options.durability),
      space_(backend_, releases_) {}

Store::~Store() = default;

absl::StatusOr<std::shared_ptr<Store>> Store::Open(std::shared_ptr<Backend> backend,
                                                   const StoreOptions& options) {
  if (options.durability == Durability::kFull && !backend->capabilities().durable_sync) {
    return absl::FailedPreconditionError(absl::StrCat(
        backend->Describe(), " cannot make commits durable: use Durability::kRelaxed or kNone"));
  }
  const std::shared_ptr<Slot> slot = FindSlot(backend->Identity());
  absl::MutexLock lock(&slot->mu);
  if (std::shared_ptr<Store> live = slot->store.lock();
      live != nullptr && live->CheckReadable().ok()) {
    live->RaiseDurability(options.durability);
    NUMPACK_RETURN_IF_ERROR(live->AddHandle());
    return live;
  }
  std::shared_ptr<Store> store(new Store(std::move(backend), options));
  NUMPACK_RETURN_IF_ERROR(store->Start(options.create));
  NUMPACK_RETURN_IF_ERROR(store->AddHandle());
  slot->store = store;
  return store;
}

void Store::AbandonAt(const Backend& backend) {
  const std::shared_ptr<Slot> slot = FindSlot(backend.Identity());
  absl::MutexLock lock(&slot->mu);
  if (std::shared_ptr<Store> live = slot->store.lock()) live->Abandon();
  slot->store.reset();
}

absl::Status Store::AddHandle() {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  absl::MutexLock lock(&mu_);
  ++handles_;
  return absl::OkStatus();
}

void Store::RaiseDurability(Durability durability) {
  const auto strength = [](Durability d) {
    return d == Durability::kFull ? 2 : d == Durability::kRelaxed ? 1 : 0;
  };
  if (strength(durability) > strength(durability_.load())) durability_.store(durability);
}

absl::Status Store::Start(bool create) {
  NUMPACK_RETURN_IF_ERROR(LockDirectory());
  auto recovered = Recover(*backend_, releases_);
  absl::MutexLock write_lock(&write_mu_);
  if (absl::IsNotFound(recovered.status())) {
    NUMPACK_RETURN_IF_ERROR(CheckNothingIsLost());
    if (!create) return recovered.status();
    return StartLog(1);
  }
  if (!recovered.ok()) return recovered.status();

  std::vector<std::shared_ptr<Extent>> used = recovered->limbo.waiting();
  uint64_t newest_log = recovered->log_number;
  for (const uint64_t number : recovered->stale_logs) newest_log = std::max(newest_log, number);
  for (const auto& [ordinal, name] : recovered->catalogue.names()) {
    const EntryPtr entry = recovered->catalogue.Find(name);
    if (entry->extent != nullptr) used.push_back(entry->extent);
  }
  NUMPACK_RETURN_IF_ERROR(space_.Adopt(used));
  limbo_ = std::move(recovered->limbo);
  {
    absl::MutexLock lock(&mu_);
    catalogue_ = std::move(recovered->catalogue);
  }
  if (recovered->untrusted_tail) {
    NUMPACK_RETURN_IF_ERROR(StartLog(newest_log + 1));
    RemoveLog(recovered->log_number);
  } else {
    NUMPACK_ASSIGN_OR_RETURN(
        log_, CommitLog::Continue(std::move(recovered->log_file), recovered->log_number,
                                  recovered->end, recovered->torn));
    std::vector<CommitLog::Item> items;
    if (!recovered->sealed) {
      // Whoever made this log died before it was known to be durable.
      if (syncs()) {
        NUMPACK_RETURN_IF_ERROR(log_->Sync());
        NUMPACK_RETURN_IF_ERROR(backend_->SyncDirectory());
      }
      items.push_back({RecordKind::kSeal, ""});
      limbo_.Sealed();
    }
    items.push_back(
        {RecordKind::kSession, Encode(SessionPayload{ProcessId(), backend_->BootId()})});
    sealed_generation_ = log_->generation() + items.size();
    NUMPACK_RETURN_IF_ERROR(log_->Append(items));
    checkpoint_bytes_ = log_->bytes();
  }
  for (const uint64_t number : recovered->stale_logs) RemoveLog(number);
  return absl::OkStatus();
}

absl::Status Store::LockDirectory() {
  NUMPACK_ASSIGN_OR_RETURN(lock_file_, backend_->Open(kLockFile, OpenMode::kCreate));
  const absl::Status status = lock_file_->Lock(kLockOffset, 1, LockKind::kExclusive, lock_wait_);
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError(absl::StrCat(
        backend_->Describe(), " is in use by ", ReadLockHolder(*lock_file_), ", and stayed so for ",
        absl::FormatDuration(lock_wait_), ": close it there first"));
  }
  NUMPACK_RETURN_IF_ERROR(status);
  std::string text = absl::StrCat(ProcessId(), "\n");
  text.resize(kLockTextBytes, '\0');
  return lock_file_->WriteAt(
      0, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size()));
}

// A directory without a log but with arrays' bytes is a damaged store, not an empty one.
absl::Status Store::CheckNothingIsLost() {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  for (const std::string& name : files) {
    if (absl::StartsWith(name, "segment.")) {
      return absl::DataLossError(
          absl::StrCat(backend_->Describe(), " holds ", name,
                       " but no commit log: the log was removed or lost. Restore it from a copy, "
                       "or move the segments away to start an empty store"));
    }
  }
  return absl::OkStatus();
}

absl::Status Store::CloseHandle() {
  if (IsForeign()) return absl::OkStatus();  // the parent's to close
  {
    absl::MutexLock lock(&mu_);
    if (--handles_ > 0 || abandoned_) return absl::OkStatus();
  }
  // Nothing can or should be saved of a directory that has been removed.
  if (absl::IsNotFound(backend_->CheckPresent())) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(Flush());
  absl::MutexLock write_lock(&write_mu_);
  CollectLimbo();
  return space_.Trim();
}

void Store::Abandon() {
  absl::MutexLock lock(&mu_);
  abandoned_ = true;
}

absl::Status Store::CheckReadable() const {
  if (IsForeign()) {  // before any lock: a thread that the child does not have may have held it
    return absl::FailedPreconditionError(
        absl::StrCat(backend_->Describe(),
                     " was opened before this process was forked: open it again in the child"));
  }
  absl::MutexLock lock(&mu_);
  if (!abandoned_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      backend_->Describe(),
      " was dropped and replaced by another handle: open it again to use the new store"));
}

absl::Status Store::CheckWritable() const {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  absl::MutexLock lock(&mu_);
  return poisoned_;
}

absl::Status Store::Poison(absl::Status status) {
  absl::Status poison(status.code(), absl::StrCat("an earlier write to ", backend_->Describe(),
                                                  " failed, reopen the store: ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { poison.SetPayload(url, payload); });
  absl::MutexLock lock(&mu_);
  if (poisoned_.ok()) poisoned_ = std::move(poison);
  return status;
}

bool Store::Contains(absl::string_view name) const { return FindEntry(name) != nullptr; }

std::vector<std::string> Store::List() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  names.reserve(catalogue_.size());
  for (const auto& [ordinal, name] : catalogue_.names()) names.push_back(name);
  return names;
}

EntryPtr Store::FindEntry(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  return catalogue_.Find(name);
}

absl::StatusOr<PinnedBytes> Store::Find(absl::string_view name) const {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  absl::MutexLock lock(&mu_);
  EntryPtr entry = catalogue_.Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("array '", name, "' does not exist in ", backend_->Describe()));
  }
  // Pinned under the lock: from here on a writer that takes the extent out of the catalogue sees
  // the pin.
  return PinnedBytes(shared_from_this(), std::move(entry));
}

PinnedBytes Store::PinEntry(EntryPtr entry) const {
  return PinnedBytes(shared_from_this(), std::move(entry));
}

StoreStats Store::stats() const {
  absl::MutexLock write_lock(&write_mu_);
  absl::MutexLock lock(&mu_);
  StoreStats stats;
  stats.arrays = catalogue_.size();
  stats.commits = commits_;
  for (const auto& [ordinal, name] : catalogue_.names())
    stats.live_bytes += catalogue_.Find(name)->length;
  stats.limbo_bytes = limbo_.bytes();
  stats.free_bytes = space_.free_bytes();
  stats.log_bytes = log_->bytes();
  return stats;
}

}  // namespace numpack::storage
