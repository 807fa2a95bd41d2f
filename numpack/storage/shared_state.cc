#include "numpack/storage/shared_state.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/base/codec.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/shared_files.h"

namespace numpack::storage {
namespace {

// Bits of Head::end for the end of the log: 1 TiB. The rest is for its number.
constexpr int kTailBits = 40;

uint32_t ShortProcessId() { return static_cast<uint32_t>(ProcessId()); }

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
      // Only somebody who shares no memory can hold it against this.
      status = lock_file_->Lock(kAliveByte, 1, LockKind::kShared, wait);
    } else if (first_) {
      // Nor may a reader that shares memory look on: it would wait for what is published there.
      status = lock_file_->Lock(kWatchByte, 1, LockKind::kExclusive, wait);
    }
  }
  entered_ = status.ok();
  if (!absl::IsUnavailable(status)) return status;
  return absl::UnavailableError(absl::StrCat(backend_->Describe(),
                                             " is in use by another process, and stayed so for ",
                                             absl::FormatDuration(wait), ": close it there first"));
}

// For watchers, who map the count: it says that what they know may be old.
absl::Status SharedState::CountOpening() {
  std::string count(kOpeningsBytes, '\0');
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, lock_file_->Size());
  if (size >= kOpeningsBytes) {
    NUMPACK_RETURN_IF_ERROR(lock_file_->ReadAt(
        0, absl::MakeSpan(reinterpret_cast<std::byte*>(count.data()), count.size())));
  }
  const uint64_t next = Decoder(count).U64() + 1;
  count.clear();
  Encoder(&count).U64(next);
  return lock_file_->WriteAt(
      0, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(count.data()), count.size()));
}

absl::Status SharedState::OpenHead() {
  if (!shared_) {
    private_head_ = std::make_unique<Head>();
    head_.store(private_head_.get());
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
    head_.store(new (head_region_.data()) Head{});
    head().magic = kHeadMagic;
    return absl::OkStatus();
  }
  head_.store(reinterpret_cast<Head*>(head_region_.data()));
  if (head().magic != kHeadMagic || head().slots.load() > kMaxSlots) {
    return absl::FailedPreconditionError(absl::StrCat(
        backend_->Describe(), " is in use by another version of NumPack: close it there first"));
  }
  return absl::OkStatus();
}

absl::Status SharedState::RemoveFiles() {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  for (const std::string& name : files) {
    if (name == kHeadFile || IsSlotName(name)) NUMPACK_RETURN_IF_ERROR(backend_->Remove(name));
  }
  return absl::OkStatus();
}

absl::Status SharedState::Ready() {
  // Not before: an opening that fails leaves everything as it was.
  if (shared_) NUMPACK_RETURN_IF_ERROR(CountOpening());
  return lock_file_->Unlock(kSetupByte, 1);
}

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
  // One that has its size has its blocks; to ask again may fail where there are no more.
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, slot.file->Size());
  if (size < sizeof(PinTable)) NUMPACK_RETURN_IF_ERROR(slot.file->Reserve(sizeof(PinTable)));
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
    for (uint32_t known = head().slots.load(); known < number + 1;) {
      if (head().slots.compare_exchange_weak(known, number + 1)) break;
    }
    return slot;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(kMaxSlots, " processes have ", backend_->Describe(), " open"));
}

void SharedState::Publish(const End& end, uint64_t generation) {
  head().end.store(end.log_number << kTailBits | end.tail);
  head().generation.store(generation);
}

SharedState::End SharedState::published_end(uint64_t known) const {
  const uint64_t end = head().end.load();
  // The word has the low bits of the number; no process is so far behind that they come round.
  const uint64_t low = (uint64_t{1} << (64 - kTailBits)) - 1;
  uint64_t number = (known & ~low) | end >> kTailBits;
  if (number < known) number += low + 1;
  return {number, end & ((uint64_t{1} << kTailBits) - 1)};
}

absl::StatusOr<bool> SharedState::LockWriter(absl::Duration wait) {
  if (shared_) {
    const absl::Status status = WaitForWriterByte(wait);
    if (absl::IsUnavailable(status)) {
      const uint32_t holder = head().writer.load();
      return absl::UnavailableError(absl::StrCat(
          holder == 0 ? std::string("another process") : absl::StrCat("process ", holder),
          " held the writer lock of ", backend_->Describe(), " for ", absl::FormatDuration(wait),
          ": end its batch or write first"));
    }
    NUMPACK_RETURN_IF_ERROR(status);
  }
  return head().writer.exchange(ShortProcessId()) == 0;
}

// File locks are polled, and know no order: a process that writes again and again would keep the
// others out for as long as it likes. So whoever has waited for a while says so, and others let it
// go first. Not at once: to hand the lock over takes some milliseconds, in which nobody writes.
absl::Status SharedState::WaitForWriterByte(absl::Duration wait) {
  constexpr absl::Duration kPatience = absl::Milliseconds(50);
  constexpr absl::Duration kPollAnewAfter = absl::Milliseconds(20);  // pauses become longer
  const absl::Time end = absl::Now() + wait;
  GiveWay(wait);
  absl::Status status =
      lock_file_->Lock(kWriterByte, 1, LockKind::kExclusive, std::min(wait, kPatience));
  if (!absl::IsUnavailable(status) || wait <= kPatience) return status;
  const uint64_t bit = uint64_t{1} << (own_.number % 64);
  while (absl::IsUnavailable(status) && absl::Now() < end) {
    head().impatient.fetch_or(bit);  // each time: others take it for dead, and forget it
    status = lock_file_->Lock(kWriterByte, 1, LockKind::kExclusive,
                              std::min(kPollAnewAfter, end - absl::Now()));
  }
  head().impatient.fetch_and(~bit);
  return status;
}

void SharedState::GiveWay(absl::Duration longest) {
  constexpr absl::Duration kLongest = absl::Milliseconds(100);
  const uint64_t first = head().impatient.load();
  if (first == 0 || longest <= absl::ZeroDuration()) return;
  const absl::Time end = absl::Now() + std::min(longest, kLongest);
  while ((head().impatient.load() & first) != 0) {
    if (absl::Now() >= end) {
      head().impatient.fetch_and(~first);  // perhaps they died
      return;
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
}

void SharedState::UnlockWriter(bool clean) {
  if (clean) head().writer.store(0);
  // What cannot be unlocked is unlocked when the file is closed.
  if (shared_) lock_file_->Unlock(kWriterByte, 1).IgnoreError();
}

bool SharedState::AnotherWrites() {
  const uint32_t writer = head().writer.load();
  if (!shared_ || writer == 0) return false;
  if (writer == ShortProcessId() && !watching_) return false;
  // A lock of its own: one that this process holds through lock_file_ would be granted again.
  return absl::IsUnavailable(KeepWritersOut(*backend_, absl::ZeroDuration()).status());
}

absl::Status SharedState::OpenOthers() {
  const uint32_t slots = head().slots.load();
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
  if (!watched_.value_or(false) && IsCounted(extent)) return true;
  if (!watched_.has_value()) watched_ = shared_.IsWatched();
  return *watched_;
}

bool SharedState::PinScan::IsCounted(uint64_t extent) {
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
  if (!shared_) {  // there are no slots, this process's own neither
    if (const uint64_t own = pins_->table()->pending_barrier.load(); own != 0)
      result.push_back(own);
  }
  for (Slot& slot : others_) {
    const uint64_t generation = slot.table->pending_barrier.load();
    // A barrier that its maker did not live to write never comes; one that it did is in the log.
    if (generation != 0 && !ReapIfDead(slot)) result.push_back(generation);
  }
  return result;
}

void SharedState::NoteSegment(uint32_t number) {
  if (number < std::numeric_limits<uint32_t>::max() && head().next_segment.load() <= number)
    head().next_segment.store(number + 1);
}

void SharedState::PrepareFork() {
  if (!shared_) return;
  if (watching_) {
    auto lock_file = backend_->Open(kLockFile, OpenMode::kReadOnly);
    if (lock_file.ok()) child_lock_file_ = *std::move(lock_file);
    return;
  }
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
  if (watching_ && child_lock_file_ != nullptr) {
    child_lock_file_->Lock(kWatchByte, 1, LockKind::kShared, absl::ZeroDuration()).IgnoreError();
    if (attached_) {
      child_lock_file_->Lock(kAliveByte, 1, LockKind::kShared, absl::ZeroDuration()).IgnoreError();
    }
    lock_file_ = std::move(child_lock_file_);
  }
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
