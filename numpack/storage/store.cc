// Opening and closing, and reading. Writing: store_write.cc; in-place changes: store_in_place.cc.
#include "numpack/storage/store.h"

#include <algorithm>
#include <utility>

#include "absl/base/no_destructor.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/mutation.h"
#include "numpack/storage/read_only_backend.h"

namespace numpack::storage {
namespace {

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

// The stores whose pins a forked child has to take over.
struct LiveStores {
  absl::Mutex mu;
  absl::flat_hash_set<Store*> stores ABSL_GUARDED_BY(mu);
};

LiveStores& TheLiveStores() {
  static absl::NoDestructor<LiveStores> live;
  return *live;
}

// A process may have a directory open in both ways: then it is two to itself.
std::string ReadersSlot(const std::string& identity) {
  return absl::StrCat(identity, " read only");
}

// Names the remedy, which is another's to choose: a program that finds out only when it saves that
// it cannot has worked in vain.
absl::Status ExplainDenied(absl::Status status) {
  if (!absl::IsPermissionDenied(status)) return status;
  absl::Status explained(
      status.code(),
      absl::StrCat(status.message(), " (the option read_only opens what there is to read)"));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    explained.SetPayload(url, payload);
  });
  return explained;
}

// Asked for no mappings, whoever gets some would not find out before one of them fails.
absl::Status CheckMappings(const Store& live, const Backend& backend) {
  if (!live.is_mapped() || backend.capabilities().mappings) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      backend.Describe(), " is open with mappings in this process: close it there first"));
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

}  // namespace

Store::Store(std::shared_ptr<Backend> backend, const StoreOptions& options,
             std::shared_ptr<const ImportSource> import)
    : backend_(std::move(backend)),
      import_(std::move(import)),
      read_only_(options.read_only),
      lock_wait_(options.lock_wait),
      min_log_bytes_(options.min_log_bytes),
      durability_(options.durability),
      checksums_(options.checksum),
      segments_(backend_) {
  if (options.background_sync && !read_only_ && backend_->capabilities().durable_sync) {
    background_ = std::make_unique<BackgroundSync>(options.sync_delay,
                                                   [this] { return FlushInBackground(); });
  }
}

Store::~Store() {
  background_ = nullptr;  // first: its thread uses the rest
  absl::MutexLock lock(&TheLiveStores().mu);
  TheLiveStores().stores.erase(this);
}

// Every store is held still, so that the child inherits no pin that is not counted for it.
void Store::PrepareFork() {
  TheLiveStores().mu.Lock();
  for (Store* store : TheLiveStores().stores) {
    store->mu_.Lock();
    store->shared_->PrepareFork();
  }
}

void Store::AfterFork(void (SharedState::*finish)()) {
  for (Store* store : TheLiveStores().stores) {
    (store->shared_.get()->*finish)();
    store->mu_.Unlock();
  }
  TheLiveStores().mu.Unlock();
}

absl::StatusOr<std::shared_ptr<Store>> Store::Open(std::shared_ptr<Backend> backend,
                                                   const StoreOptions& options,
                                                   std::shared_ptr<const ImportSource> import) {
  if (options.read_only) return OpenReadOnly(std::move(backend), options, std::move(import));
  if (options.durability == Durability::kFull && !backend->capabilities().durable_sync) {
    return absl::FailedPreconditionError(absl::StrCat(
        backend->Describe(), " cannot make commits durable: use Durability::kRelaxed or kNone"));
  }
  const std::shared_ptr<Slot> slot = FindSlot(backend->Identity());
  absl::MutexLock lock(&slot->mu);
  if (std::shared_ptr<Store> live = slot->store.lock();
      live != nullptr && live->CheckReadable().ok()) {
    NUMPACK_RETURN_IF_ERROR(CheckMappings(*live, *backend));
    live->Raise(options);
    NUMPACK_RETURN_IF_ERROR(live->AddHandle());
    return live;
  }
  std::shared_ptr<Store> store(new Store(std::move(backend), options, std::move(import)));
  if (absl::Status status = store->Start(options.create); !status.ok())
    return ExplainDenied(std::move(status));
  NUMPACK_RETURN_IF_ERROR(store->AddHandle());
  slot->store = store;
  return store;
}

absl::StatusOr<std::shared_ptr<Store>> Store::OpenReadOnly(
    std::shared_ptr<Backend> backend, const StoreOptions& options,
    std::shared_ptr<const ImportSource> import) {
  const std::string identity = backend->Identity();
  const std::shared_ptr<Slot> writers = FindSlot(identity);
  const std::shared_ptr<Slot> readers = FindSlot(ReadersSlot(identity));
  absl::MutexLock writers_lock(&writers->mu);
  absl::MutexLock readers_lock(&readers->mu);
  for (const std::shared_ptr<Store>& live : {writers->store.lock(), readers->store.lock()}) {
    if (live == nullptr || !live->CheckReadable().ok()) continue;
    NUMPACK_RETURN_IF_ERROR(CheckMappings(*live, *backend));
    NUMPACK_RETURN_IF_ERROR(live->AddHandle());
    return live;
  }
  std::shared_ptr<Store> store(
      new Store(NewReadOnlyBackend(std::move(backend)), options, std::move(import)));
  NUMPACK_RETURN_IF_ERROR(store->StartReadOnly());
  NUMPACK_RETURN_IF_ERROR(store->AddHandle());
  readers->store = store;
  return store;
}

void Store::AbandonAt(const Backend& backend) {
  const std::string identity = backend.Identity();
  for (const std::shared_ptr<Slot>& slot : {FindSlot(identity), FindSlot(ReadersSlot(identity))}) {
    absl::MutexLock lock(&slot->mu);
    if (std::shared_ptr<Store> live = slot->store.lock()) live->Abandon();
    slot->store.reset();
  }
}

absl::Status Store::AddHandle() {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  absl::MutexLock lock(&mu_);
  ++handles_;
  return absl::OkStatus();
}

void Store::Raise(const StoreOptions& options) {
  const auto strength = [](Durability d) {
    return d == Durability::kFull ? 2 : d == Durability::kRelaxed ? 1 : 0;
  };
  if (strength(options.durability) > strength(durability_.load()))
    durability_.store(options.durability);
  if (options.checksum) checksums_.store(true);
}

absl::Status Store::Start(bool create) {
  NUMPACK_ASSIGN_OR_RETURN(shared_, SharedState::Join(backend_, lock_wait_));
  if (shared_->first()) {
    NUMPACK_RETURN_IF_ERROR(Recover(create));
  } else {
    if (shared_->generation() != 0 && shared_->published_end(0).log_number == 0)
      NUMPACK_RETURN_IF_ERROR(JoinImport());
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(Follow());
  }
  Register();
  return shared_->Ready();
}

void Store::Register() {
  static const bool registered = [] {
    AtFork([] { PrepareFork(); }, [] { AfterFork(&SharedState::AfterForkInParent); },
           [] { AfterFork(&SharedState::AfterForkInChild); });
    return true;
  }();
  static_cast<void>(registered);
  absl::MutexLock lock(&TheLiveStores().mu);
  TheLiveStores().stores.insert(this);
}

absl::Status Store::Recover(bool create) {
  NUMPACK_RETURN_IF_ERROR(shared_->LockWriter(lock_wait_).status());
  absl::MutexLock write_lock(&write_mu_);
  NUMPACK_ASSIGN_OR_RETURN(const bool import, IsImport());
  if (import) {
    NUMPACK_RETURN_IF_ERROR(ReadImport());
    PublishImport();
    shared_->UnlockWriter(/*clean=*/true);
    return absl::OkStatus();
  }
  const Reader reader = shared_->IsWatched() ? Reader::kFirstWatched : Reader::kFirst;
  auto recovered = storage::Recover(*backend_, segments_, shared_->pins(), reader);
  if (absl::IsNotFound(recovered.status())) {
    NUMPACK_RETURN_IF_ERROR(CheckNothingIsLost());
    if (!create) return recovered.status();
    NUMPACK_RETURN_IF_ERROR(AdoptRead(RecoveredState(), /*alone=*/true));
    NUMPACK_RETURN_IF_ERROR(StartLog(1, 0));
  } else {
    NUMPACK_RETURN_IF_ERROR(recovered.status());
    NUMPACK_RETURN_IF_ERROR(AdoptRecovered(*std::move(recovered), /*alone=*/true));
  }
  shared_->UnlockWriter(/*clean=*/true);
  return absl::OkStatus();
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
  if (wrote_) NUMPACK_RETURN_IF_ERROR(Flush());
  {
    absl::MutexLock write_lock(&write_mu_);
    if (space_ == nullptr) return absl::OkStatus();  // it only read
  }
  const absl::Status locked = AcquireLock(absl::ZeroDuration());
  if (absl::IsUnavailable(locked)) return absl::OkStatus();  // whoever has it trims one day
  NUMPACK_RETURN_IF_ERROR(locked);
  absl::Status status;
  {
    absl::MutexLock write_lock(&write_mu_);
    FreeCollected(limbo_.waiting().size());
    status = space_->Trim();
  }
  ReleaseLock();
  return status;
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
  if (read_only_) return ReadOnlyError(backend_->Describe());
  absl::MutexLock lock(&mu_);
  return poisoned_;
}

absl::Status Store::Poison(absl::Status status) {
  absl::Status poison(status.code(), absl::StrCat("an earlier write to ", backend_->Describe(),
                                                  " failed, reopen the store: ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { poison.SetPayload(url, payload); });
  absl::MutexLock lock(&mu_);
  if (poisoned_.ok() && !IsBroken("failed-sync-forgotten")) poisoned_ = std::move(poison);
  return status;
}

bool Store::Contains(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  Follow().IgnoreError();  // what was true a moment ago will have to do; Find reports the error
  return catalogue_.Find(name) != nullptr;
}

std::vector<std::string> Store::List() {
  absl::MutexLock lock(&mu_);
  Follow().IgnoreError();  // as for Contains
  std::vector<std::string> names;
  names.reserve(catalogue_.size());
  for (const auto& [ordinal, item] : catalogue_.items()) names.push_back(item->first);
  return names;
}

EntryPtr Store::FindEntry(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  return catalogue_.Find(name);
}

absl::StatusOr<PinnedBytes> Store::Find(absl::string_view name) {
  NUMPACK_RETURN_IF_ERROR(CheckReadable());
  for (;;) {
    uint64_t rewritten = 0;
    {
      absl::MutexLock lock(&mu_);
      NUMPACK_RETURN_IF_ERROR(Follow());
      EntryPtr entry = catalogue_.Find(name);
      if (entry == nullptr) {
        return absl::NotFoundError(
            absl::StrCat("array '", name, "' does not exist in ", backend_->Describe()));
      }
      const uint64_t extent = entry->extent == nullptr ? 0 : entry->extent->number;
      if (IsBroken("no-second-look")) absl::SleepFor(absl::Microseconds(50));
      PinnedBytes bytes(shared_from_this(), std::move(entry));
      // Pinned first, looked second: a writer who has published, or begun to rewrite, since then
      // may not have seen the pin.
      if (extent != 0 && !ahead_ && shared_->rewriting() == extent) {
        rewritten = extent;
      } else if (!IsBehind() || IsBroken("no-second-look")) {
        return bytes;
      }
    }
    if (rewritten != 0) NUMPACK_RETURN_IF_ERROR(WaitForRewrite(rewritten));
  }
}

bool Store::IsOpen(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const EntryPtr entry = catalogue_.Find(name);
  return (entry != nullptr && entry->in_place == InPlace::kOpen) || copies_.contains(name);
}

PinnedBytes Store::PinEntry(EntryPtr entry) const {
  return PinnedBytes(shared_from_this(), std::move(entry));
}

}  // namespace numpack::storage
