// Watchers: readers that cannot write, and so have no slot to count in.
//
// A watcher needs a descriptor for reading, and changes no byte:
//   1. it locks the watch byte, for life: from now on nobody uses space again that a published
//   state
//      named until now (writers publish, then look at that lock), or rewrites bytes where they lie
//   2. with the setup byte locked too (shared; nobody comes or goes meanwhile) it looks whether a
//      slot has a living owner. If so, it locks the alive byte and maps the head: it counts as one
//      that has the store open, so the head stays the right one even when all the others go
//   3. if not, head and slots are what killed processes left, or a copy's, and mean nothing. It
//   reads
//      the log as the first one does, but in memory
//   4. the count in the lock file tells when somebody comes; then it does 2 again
// A first opener that finds the watch byte locked does not take for free what is in limbo: a
// watcher may read it.
//
// Without a lock file there is nothing to lock: nobody has ever opened the store to write, or the
// file was left out of a copy. What is read then may change when somebody does; that a lock file
// has come is noticed at the next look.
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/shared_files.h"
#include "numpack/storage/shared_state.h"

namespace numpack::storage {
namespace {

bool IsShared(const Backend& backend) {
  const BackendCapabilities can = backend.capabilities();
  return can.shared_mappings && can.process_locks;
}

// Whether somebody holds the byte exclusively.
absl::StatusOr<bool> IsHeld(File& file, uint64_t byte) {
  const absl::Status status = file.Lock(byte, 1, LockKind::kShared, absl::ZeroDuration());
  if (absl::IsUnavailable(status)) return true;
  NUMPACK_RETURN_IF_ERROR(status);
  NUMPACK_RETURN_IF_ERROR(file.Unlock(byte, 1));
  return false;
}

absl::Status InUse(const Backend& backend, absl::Duration wait) {
  return absl::UnavailableError(absl::StrCat(backend.Describe(),
                                             " is in use by another process, and stayed so for ",
                                             absl::FormatDuration(wait), ": close it there first"));
}

}  // namespace

absl::StatusOr<bool> SharedState::HasWriters(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend.List());
  for (const std::string& name : files) {
    if (!IsSlotName(name)) continue;
    const auto slot = backend.Open(name, OpenMode::kReadOnly);
    if (absl::IsNotFound(slot.status())) continue;
    NUMPACK_RETURN_IF_ERROR(slot.status());
    NUMPACK_ASSIGN_OR_RETURN(const bool owned, IsHeld(**slot, kSlotByte));
    if (owned) return true;
  }
  return false;
}

absl::StatusOr<bool> SharedState::IsOpen(Backend& backend, absl::Duration wait) {
  const auto file = backend.Open(kLockFile, OpenMode::kReadOnly);
  if (absl::IsNotFound(file.status())) return false;
  NUMPACK_RETURN_IF_ERROR(file.status());
  // Nobody comes or goes while the setup byte is held.
  const absl::Status setup = (*file)->Lock(kSetupByte, 1, LockKind::kShared, wait);
  if (absl::IsUnavailable(setup)) return true;
  NUMPACK_RETURN_IF_ERROR(setup);
  NUMPACK_ASSIGN_OR_RETURN(const bool writers, HasWriters(backend));
  if (writers) return true;
  return IsHeld(**file, kAliveByte);  // by somebody who shares no memory
}

absl::StatusOr<std::unique_ptr<File>> SharedState::KeepWritersOut(Backend& backend,
                                                                  absl::Duration wait) {
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           backend.Open(kLockFile, OpenMode::kReadOnly));
  const absl::Status locked = file->Lock(kWriterByte, 1, LockKind::kShared, wait);
  if (absl::IsUnavailable(locked)) {
    return absl::UnavailableError(absl::StrCat("somebody was writing to ", backend.Describe(),
                                               " for ", absl::FormatDuration(wait),
                                               ": end that batch or write first"));
  }
  NUMPACK_RETURN_IF_ERROR(locked);
  return file;
}

std::unique_ptr<SharedState> SharedState::Watch(std::shared_ptr<Backend> backend) {
  const bool shared = IsShared(*backend);
  std::unique_ptr<SharedState> state(new SharedState(std::move(backend), shared));
  state->watching_ = true;
  state->private_head_ = std::make_unique<Head>();
  state->head_.store(state->private_head_.get());
  // Its pins tell nobody anything; they are counted as everybody's are.
  state->private_table_ = std::make_unique<PinTable>();
  state->own_.table = state->private_table_.get();
  state->pins_ = std::make_shared<PinCounters>(state->own_.table);
  return state;
}

absl::Status SharedState::LockToWatch(absl::Duration wait) {
  if (lock_file_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<File>> file = backend_->Open(kLockFile, OpenMode::kReadOnly);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(file.status());
  absl::Status status;
  if (shared_) {
    status = (*file)->Lock(kWatchByte, 1, LockKind::kShared, wait);
  } else {
    // Without shared memory whoever writes is alone, and locks the alive byte exclusively. The
    // setup byte, kept for life, keeps out who shares memory, and would not notice this one.
    status = (*file)->Lock(kSetupByte, 1, LockKind::kShared, wait);
    if (status.ok()) status = (*file)->Lock(kAliveByte, 1, LockKind::kShared, wait);
    if (status.ok()) {
      NUMPACK_ASSIGN_OR_RETURN(const bool writers, HasWriters(*backend_));
      if (writers) return InUse(*backend_, wait);
    }
  }
  if (absl::IsUnavailable(status)) return InUse(*backend_, wait);
  NUMPACK_RETURN_IF_ERROR(status);
  lock_file_ = *std::move(file);
  return absl::OkStatus();
}

absl::StatusOr<bool> SharedState::Approach(absl::Duration wait) {
  NUMPACK_RETURN_IF_ERROR(LockToWatch(wait));
  if (!shared_ || lock_file_ == nullptr || attached_) return attached_;
  const absl::Status setup = lock_file_->Lock(kSetupByte, 1, LockKind::kShared, wait);
  if (absl::IsUnavailable(setup)) return InUse(*backend_, wait);
  NUMPACK_RETURN_IF_ERROR(setup);
  settled_ = false;
  seen_openings_ = Openings();
  absl::StatusOr<bool> writers = HasWriters(*backend_);
  absl::Status status = writers.status();
  if (status.ok() && *writers) status = Attach();
  if (status.ok()) return attached_;
  Settle();
  return status;
}

absl::Status SharedState::Attach() {
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           backend_->Open(kHeadFile, OpenMode::kReadOnly));
  NUMPACK_ASSIGN_OR_RETURN(MappedRegion region, file->Map(0, kHeadBytes, MapMode::kReadOnly));
  auto* const head = reinterpret_cast<Head*>(region.data());
  if (head->magic != kHeadMagic) {
    return absl::FailedPreconditionError(absl::StrCat(
        backend_->Describe(), " is in use by another version of NumPack: close it there first"));
  }
  NUMPACK_RETURN_IF_ERROR(lock_file_->Lock(kAliveByte, 1, LockKind::kShared, absl::ZeroDuration()));
  head_region_ = std::move(region);
  head_.store(head, std::memory_order_release);
  attached_ = true;
  return absl::OkStatus();
}

void SharedState::Settle() {
  // What cannot be unlocked is unlocked when the file is closed.
  if (!std::exchange(settled_, true)) lock_file_->Unlock(kSetupByte, 1).IgnoreError();
}

bool SharedState::SomebodyCame() {
  if (attached_) return false;
  if (lock_file_ == nullptr) return backend_->Open(kLockFile, OpenMode::kReadOnly).ok();
  return shared_ && Openings() != seen_openings_;
}

uint64_t SharedState::Openings() {
  if (openings_.empty()) {
    absl::StatusOr<MappedRegion> region = lock_file_->Map(0, kOpeningsBytes, MapMode::kReadOnly);
    if (!region.ok()) return 0;  // nobody has written it yet
    openings_ = *std::move(region);
  }
  // Only whether it has changed is asked, so its byte order is no matter.
  return reinterpret_cast<const std::atomic<uint64_t>*>(openings_.data())->load();
}

bool SharedState::IsWatched() {
  if (!shared_) return false;  // a watcher and a writer exclude each other
  if (!lock_file_->Lock(kWatchByte, 1, LockKind::kExclusive, absl::ZeroDuration()).ok())
    return true;
  lock_file_->Unlock(kWatchByte, 1).IgnoreError();
  return false;
}

}  // namespace numpack::storage
