#include "numpack/storage/shared_state.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"

namespace numpack::storage {
namespace {

constexpr char kLockFile[] = "writer.lock";
constexpr char kHeadFile[] = "head";

// Bytes that are locked. They lie beyond all contents: on Windows nobody else can read a locked
// one.
constexpr uint64_t kWriterByte = uint64_t{1} << 62;
constexpr uint64_t kSetupByte =
    kWriterByte + 1;  // by whoever opens the store, or is the last to leave
constexpr uint64_t kAliveByte = kWriterByte + 2;  // shared, by everybody who has it open
constexpr uint64_t kSlotByte = kWriterByte;       // of a slot file: by its owner

constexpr uint64_t kHeadBytes = 4096;
constexpr uint64_t kHeadMagic = 0x3144414548504E20;  // changes with the layout of head and slots

// Bits of Head::end for the end of the log: 1 TiB. The rest is for its number.
constexpr int kTailBits = 40;

// The owner of a slot that a forked child is about to take over: not to be taken for dead.
constexpr uint32_t kHandedOver = std::numeric_limits<uint32_t>::max();

std::string SlotName(uint32_t number) { return absl::StrCat("slot.", number); }

uint32_t ShortProcessId() { return static_cast<uint32_t>(ProcessId()); }

// Most stores see few processes; a number this high is damage.
constexpr uint32_t kMaxSlots = 1 << 16;

}  // namespace

absl::StatusOr<std::unique_ptr<SharedState>> SharedState::Join(std::shared_ptr<Backend> backend,
                                                               absl::Duration wait) {
  const BackendCapabilities can = backend->capabilities();
  std::unique_ptr<SharedState> state(
      new SharedState(std::move(backend), can.shared_mappings && can.process_locks));
  NUMPACK_RETURN_IF_ERROR(state->Enter(wait));
  NUMPACK_RETURN_IF_ERROR(state->OpenHead());
  NUMPACK_ASSIGN_OR_RETURN(state->own_, state->ClaimSlot());
  state->pins_ = std::make_shared<PinCounters>(state->own_.table);
  return state;
}

absl::StatusOr<bool> SharedState::IsOpen(Backend& backend, absl::Duration wait) {
  auto file = backend.Open(kLockFile, OpenMode::kReadWrite);
  if (absl::IsNotFound(file.status())) return false;
  if (absl::IsPermissionDenied(file.status())) {
    const absl::Status head = backend.Open(kHeadFile, OpenMode::kReadOnly).status();
    if (absl::IsNotFound(head)) return false;
    NUMPACK_RETURN_IF_ERROR(head);
    return true;
  }
  NUMPACK_RETURN_IF_ERROR(file.status());
  // As whoever opens does: nobody can come or go while the setup byte is held, so nobody takes the
  // look at the other one for a process that has the store open.
  const absl::Status setup = (*file)->Lock(kSetupByte, 1, LockKind::kExclusive, wait);
  if (absl::IsUnavailable(setup)) return true;
  NUMPACK_RETURN_IF_ERROR(setup);
  const absl::Status alive =
      (*file)->Lock(kAliveByte, 1, LockKind::kExclusive, absl::ZeroDuration());
  if (absl::IsUnavailable(alive)) return true;
  NUMPACK_RETURN_IF_ERROR(alive);
  return false;
}

absl::StatusOr<std::unique_ptr<File>> SharedState::KeepWritersOut(Backend& backend,
                                                                  absl::Duration wait) {
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           backend.Open(kLockFile, OpenMode::kReadWrite));
  const absl::Status locked = file->Lock(kWriterByte, 1, LockKind::kExclusive, wait);
  if (absl::IsUnavailable(locked)) {
    return absl::UnavailableError(absl::StrCat("somebody was writing to ", backend.Describe(),
                                               " for ", absl::FormatDuration(wait),
                                               ": end that batch or write first"));
  }
  NUMPACK_RETURN_IF_ERROR(locked);
  return file;
}

absl::Status SharedState::Enter(absl::Duration wait) {
  NUMPACK_ASSIGN_OR_RETURN(lock_file_, backend_->Open(kLockFile, OpenMode::kCreate));
  absl::Status status = lock_file_->Lock(kSetupByte, 1, LockKind::kExclusive, wait);
  if (status.ok()) {
    status = lock_file_->Lock(kAliveByte, 1, LockKind::kExclusive,
                              shared_ ? absl::ZeroDuration() : wait);
    first_ = status.ok();
    if (shared_) {
      // Nobody else can come or go as the first or last one: the setup byte is ours.
      if (first_) NUMPACK_RETURN_IF_ERROR(lock_file_->Unlock(kAliveByte, 1));
      status = lock_file_->Lock(kAliveByte, 1, LockKind::kShared, absl::ZeroDuration());
    }
  }
  entered_ = status.ok();
  if (!absl::IsUnavailable(status)) return status;
  return absl::UnavailableError(absl::StrCat(backend_->Describe(),
                                             " is in use by another process, and stayed so for ",
                                             absl::FormatDuration(wait), ": close it there first"));
}

absl::Status SharedState::OpenHead() {
  if (!shared_) {
    private_head_ = std::make_unique<Head>();
    head_ = private_head_.get();
    return absl::OkStatus();
  }
  if (first_) NUMPACK_RETURN_IF_ERROR(RemoveFiles());
  NUMPACK_ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      backend_->Open(kHeadFile, first_ ? OpenMode::kCreateNew : OpenMode::kReadWrite));
  if (first_) {
    // Reserved before it is mapped: a full disk is an error here, and not a signal later.
    NUMPACK_RETURN_IF_ERROR(file->Reserve(kHeadBytes));
  }
  NUMPACK_ASSIGN_OR_RETURN(head_region_, file->Map(0, kHeadBytes, MapMode::kReadWrite));
  if (first_) {
    head_ = new (head_region_.data()) Head{};
    head_->magic = kHeadMagic;
    return absl::OkStatus();
  }
  head_ = reinterpret_cast<Head*>(head_region_.data());
  if (head_->magic != kHeadMagic || head_->slots.load() > kMaxSlots) {
    return absl::FailedPreconditionError(absl::StrCat(
        backend_->Describe(), " is in use by another version of NumPack: close it there first"));
  }
  return absl::OkStatus();
}

absl::Status SharedState::RemoveFiles() {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  for (const std::string& name : files) {
    if (name == kHeadFile || absl::StartsWith(name, "slot."))
      NUMPACK_RETURN_IF_ERROR(backend_->Remove(name));
  }
  return absl::OkStatus();
}

absl::Status SharedState::Ready() { return lock_file_->Unlock(kSetupByte, 1); }

SharedState::~SharedState() {
  if (lock_file_ == nullptr || !entered_) return;
  own_ = Slot{};
  others_.clear();
  if (!shared_) return;
  head_region_ = MappedRegion();
  // Nobody can be sure to be the last one while somebody is coming, and then it does not matter.
  lock_file_->Unlock(kSetupByte, 1).IgnoreError();  // held only when opening failed
  lock_file_->Unlock(kAliveByte, 1).IgnoreError();
  if (lock_file_->Lock(kSetupByte, 1, LockKind::kExclusive, absl::ZeroDuration()).ok() &&
      lock_file_->Lock(kAliveByte, 1, LockKind::kExclusive, absl::ZeroDuration()).ok()) {
    RemoveFiles().IgnoreError();
  }
}

absl::StatusOr<SharedState::Slot> SharedState::OpenSlot(uint32_t number) {
  Slot slot;
  slot.number = number;
  NUMPACK_ASSIGN_OR_RETURN(slot.file, backend_->Open(SlotName(number), OpenMode::kCreate));
  NUMPACK_RETURN_IF_ERROR(slot.file->Reserve(sizeof(PinTable)));
  NUMPACK_ASSIGN_OR_RETURN(slot.region, slot.file->Map(0, sizeof(PinTable), MapMode::kReadWrite));
  slot.table = reinterpret_cast<PinTable*>(slot.region.data());
  return slot;
}

namespace {

void Empty(PinTable& table) {
  table.pending_barrier.store(0);
  for (std::atomic<uint32_t>& count : table.count) {
    if (count.load(std::memory_order_relaxed) != 0) count.store(0);  // does not touch clean pages
  }
}

}  // namespace

absl::StatusOr<SharedState::Slot> SharedState::ClaimSlot() {
  if (!shared_) {
    private_table_ = std::make_unique<PinTable>();
    Slot slot;
    slot.table = private_table_.get();
    return slot;
  }
  for (uint32_t number = 0; number < kMaxSlots; ++number) {
    NUMPACK_ASSIGN_OR_RETURN(Slot slot, OpenSlot(number));
    if (slot.table->owner.load() == kHandedOver) continue;
    const absl::Status status =
        slot.file->Lock(kSlotByte, 1, LockKind::kExclusive, absl::ZeroDuration());
    if (absl::IsUnavailable(status)) continue;
    NUMPACK_RETURN_IF_ERROR(status);
    Empty(*slot.table);
    slot.table->owner.store(ShortProcessId());
    for (uint32_t known = head_->slots.load(); known < number + 1;) {
      if (head_->slots.compare_exchange_weak(known, number + 1)) break;
    }
    return slot;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(kMaxSlots, " processes have ", backend_->Describe(), " open"));
}

void SharedState::Publish(const End& end, uint64_t generation) {
  head_->end.store(end.log_number << kTailBits | end.tail);
  head_->generation.store(generation);
}

SharedState::End SharedState::published_end(uint64_t known) const {
  const uint64_t end = head_->end.load();
  // The word has the low bits of the number; no process is so far behind that they come round.
  const uint64_t low = (uint64_t{1} << (64 - kTailBits)) - 1;
  uint64_t number = (known & ~low) | end >> kTailBits;
  if (number < known) number += low + 1;
  return {number, end & ((uint64_t{1} << kTailBits) - 1)};
}

absl::StatusOr<bool> SharedState::LockWriter(absl::Duration wait) {
  if (shared_) {
    absl::Status status = lock_file_->Lock(kWriterByte, 1, LockKind::kExclusive, wait);
    if (absl::IsUnavailable(status)) {
      const uint32_t holder = head_->writer.load();
      return absl::UnavailableError(absl::StrCat(
          holder == 0 ? std::string("another process") : absl::StrCat("process ", holder),
          " held the writer lock of ", backend_->Describe(), " for ", absl::FormatDuration(wait),
          ": end its batch or write first"));
    }
    NUMPACK_RETURN_IF_ERROR(status);
  }
  return head_->writer.exchange(ShortProcessId()) == 0;
}

void SharedState::UnlockWriter(bool clean) {
  if (clean) head_->writer.store(0);
  // What cannot be unlocked is unlocked when the file is closed.
  if (shared_) lock_file_->Unlock(kWriterByte, 1).IgnoreError();
}

bool SharedState::AnotherWrites() {
  const uint32_t writer = head_->writer.load();
  if (!shared_ || writer == 0 || writer == ShortProcessId()) return false;
  // A lock of its own: one that this process holds through lock_file_ would be granted again.
  const auto file = backend_->Open(kLockFile, OpenMode::kReadWrite);
  return file.ok() && absl::IsUnavailable((*file)->Lock(kWriterByte, 1, LockKind::kExclusive,
                                                        absl::ZeroDuration()));
}

absl::Status SharedState::OpenOthers() {
  const uint32_t slots = head_->slots.load();
  while (others_.size() < slots) {
    NUMPACK_ASSIGN_OR_RETURN(Slot slot, OpenSlot(static_cast<uint32_t>(others_.size())));
    others_.push_back(std::move(slot));
  }
  return absl::OkStatus();
}

// Pairs with the reader's "count up, then look": see pins.h. What was published before, and the
// counters below, are accessed sequentially consistent, so no fence is needed (and ThreadSanitizer
// knows none).
SharedState::PinScan::PinScan(SharedState& shared) : shared_(shared) {}

bool SharedState::PinScan::IsPinned(uint64_t extent) {
  const uint64_t key = extent % kPinCounters;
  if (!shared_.shared_) return shared_.own_.table->count[key].load() != 0;
  if (!shared_.OpenOthers().ok()) return true;  // cannot look: take it for pinned
  alive_.resize(shared_.others_.size());
  for (size_t i = 0; i < shared_.others_.size(); ++i) {
    Slot& slot = shared_.others_[i];
    if (slot.table->count[key].load() == 0) continue;
    if (alive_[i]) return true;
    if (!shared_.ReapIfDead(slot)) {
      alive_[i] = true;
      return true;
    }
  }
  return false;
}

// Empties the slot of an owner that has died. This process's own is found alive too, because its
// lock is held through another File.
bool SharedState::ReapIfDead(Slot& slot) {
  if (slot.table->owner.load() == kHandedOver) return false;
  if (!slot.file->Lock(kSlotByte, 1, LockKind::kExclusive, absl::ZeroDuration()).ok()) return false;
  Empty(*slot.table);
  slot.file->Unlock(kSlotByte, 1).IgnoreError();
  return true;
}

absl::StatusOr<std::vector<uint64_t>> SharedState::PendingBarriers() {
  NUMPACK_RETURN_IF_ERROR(OpenOthers());
  std::vector<uint64_t> result;
  for (Slot& slot : others_) {
    const uint64_t generation = slot.table->pending_barrier.load();
    // A barrier that its maker did not live to write never comes; one that it did is in the log.
    if (generation != 0 && !ReapIfDead(slot)) result.push_back(generation);
  }
  return result;
}

void SharedState::NoteSegment(uint32_t number) {
  if (number < std::numeric_limits<uint32_t>::max() && head_->next_segment.load() <= number)
    head_->next_segment.store(number + 1);
}

void SharedState::PrepareFork() {
  if (!shared_) return;
  // Claimed through a lock of its own, which goes at once: closing a file on which this process
  // took a lock would take it from the child too. Until the child has locked the slot, its owner's
  // name keeps it.
  absl::StatusOr<Slot> claimed = ClaimSlot();
  if (!claimed.ok()) return;  // the child's views are as good as its parent's pins
  claimed->table->owner.store(kHandedOver);
  for (uint64_t key = 0; key < kPinCounters; ++key) {
    const uint32_t count = own_.table->count[key].load();
    if (count != 0) claimed->table->count[key].store(count);
  }
  auto slot_file = backend_->Open(SlotName(claimed->number), OpenMode::kReadWrite);
  auto lock_file = backend_->Open(kLockFile, OpenMode::kReadWrite);
  if (!slot_file.ok() || !lock_file.ok()) {
    claimed->table->owner.store(0);
    return;
  }
  child_ = *std::move(claimed);
  child_.file = *std::move(slot_file);
  child_lock_file_ = *std::move(lock_file);
}

void SharedState::AfterForkInParent() {
  child_ = Slot{};
  child_lock_file_ = nullptr;
}

void SharedState::AfterForkInChild() {
  if (child_.table == nullptr) return;
  child_lock_file_->Lock(kAliveByte, 1, LockKind::kShared, absl::ZeroDuration()).IgnoreError();
  child_.file->Lock(kSlotByte, 1, LockKind::kExclusive, absl::ZeroDuration()).IgnoreError();
  child_.table->owner.store(ShortProcessId());
  pins_->Inherit(child_.table);
  // Closing the parent's files here leaves its locks alone, and lets them go when it dies.
  lock_file_ = std::move(child_lock_file_);
  own_ = std::move(child_);
  child_ = Slot{};
}

}  // namespace numpack::storage
