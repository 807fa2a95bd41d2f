#include "tests/crash/script.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/legacy_v1_import.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/segment.h"

namespace numpack::crash {
namespace {

using storage::Durability;
using storage::PendingExtent;
using storage::PinnedBytes;
using storage::SharedBytes;
using storage::Store;
using storage::StoreOptions;
using storage::Transaction;

constexpr char kMetadata[] = "metadata";
constexpr uint64_t kMinLogBytes = 6000;  // small, for kChangeLog

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

absl::Status Difference(absl::string_view name, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("array '", name, "': ", what));
}

// Two contents made one after the other differ in every byte.
Bytes MakeBytes(uint64_t number, size_t length) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<char>(number * 101 + i * 7 + (i >> 8) * 31);
  return std::make_shared<const std::string>(std::move(bytes));
}

absl::Status CompareBytes(absl::string_view name, absl::string_view found,
                          const State::Array& array) {
  if (found.size() != array.bytes->size()) {
    return Difference(name, absl::StrCat(found.size(), " bytes instead of ", array.bytes->size()));
  }
  if (found == *array.bytes) return absl::OkStatus();
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] == (*array.bytes)[i]) continue;
    if (std::none_of(array.mixed_with.begin(), array.mixed_with.end(),
                     [&](const Bytes& bytes) { return found[i] == (*bytes)[i]; })) {
      return Difference(name, absl::StrCat("byte ", i, " is another's"));
    }
  }
  return absl::OkStatus();
}

// Space for the bytes, written. The name that they will have matters to checksums alone.
absl::StatusOr<PendingExtent> Write(Transaction& transaction, absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, transaction.Allocate("", bytes.size()));
  NUMPACK_RETURN_IF_ERROR(extent.Write(0, AsBytes(bytes)));
  return extent;
}

void SetArray(State& state, const std::string& name, Bytes bytes, std::string metadata) {
  if (state.arrays.find(name) == state.arrays.end()) state.order.push_back(name);
  state.arrays[name] = {std::move(bytes), std::move(metadata), {}};
}

void RemoveArray(State& state, const std::string& name) {
  state.arrays.erase(name);
  state.order.erase(std::find(state.order.begin(), state.order.end(), name));
}

}  // namespace

absl::Status Compare(Store& store, const State& state) {
  const std::vector<std::string> names = store.List();
  for (const std::string& name : names) {
    const auto it = state.arrays.find(name);
    if (it == state.arrays.end()) return Difference(name, "should not be there");
    NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, store.Find(name));
    NUMPACK_ASSIGN_OR_RETURN(const SharedBytes view, pinned.View());
    if (pinned.metadata() != it->second.metadata) return Difference(name, "other metadata");
    const absl::string_view found(reinterpret_cast<const char*>(view.bytes.data()),
                                  view.bytes.size());
    NUMPACK_RETURN_IF_ERROR(CompareBytes(name, found, it->second));
  }
  for (const auto& [name, array] : state.arrays) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return Difference(name, "is missing");
  }
  if (names != state.order) return absl::DataLossError("another order of arrays");
  const std::vector<std::string> interrupted = store.Interrupted();
  for (const auto& [name, array] : state.arrays) {
    const bool is = std::find(interrupted.begin(), interrupted.end(), name) != interrupted.end();
    if (is == array.mixed_with.empty())
      return Difference(name, is ? "is interrupted" : "is not interrupted");
  }
  return absl::OkStatus();
}

absl::StatusOr<State> Read(Store& store) {
  State state;
  state.order = store.List();
  for (const std::string& name : state.order) {
    NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, store.Find(name));
    NUMPACK_ASSIGN_OR_RETURN(const SharedBytes view, pinned.View());
    state.arrays[name] = {std::make_shared<const std::string>(
                              reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()),
                          pinned.metadata(),
                          {}};
  }
  for (const std::string& name : store.Interrupted())
    state.arrays[name].mixed_with = {state.arrays[name].bytes};
  return state;
}

absl::string_view NameOf(Operation operation) {
  switch (operation) {
    case Operation::kSaveNew:
      return "save_new";
    case Operation::kSaveOver:
      return "save_over";
    case Operation::kSaveOverLarge:
      return "save_over_large";
    case Operation::kAppend:
      return "append";
    case Operation::kAppendLarge:
      return "append_large";
    case Operation::kRewrite:
      return "rewrite";
    case Operation::kRemove:
      return "remove";
    case Operation::kRename:
      return "rename";
    case Operation::kSeveral:
      return "several";
    case Operation::kSpill:
      return "spill";
    case Operation::kInPlace:
      return "in_place";
    case Operation::kInPlaceBusy:
      return "in_place_busy";
    case Operation::kAcknowledge:
      return "acknowledge";
    case Operation::kFlush:
      return "flush";
    case Operation::kFlushBusy:
      return "flush_busy";
    case Operation::kChangeLog:
      return "change_log";
    case Operation::kReopen:
      return "reopen";
  }
  return "";
}

Player::Player(std::shared_ptr<RecordingBackend> recording, std::shared_ptr<Backend> backend,
               Durability durability)
    : recording_(std::move(recording)), backend_(std::move(backend)), durability_(durability) {}

absl::StatusOr<std::shared_ptr<Store>> Player::OpenStore() {
  StoreOptions options;
  options.durability = durability_;
  options.background_sync = false;  // what is durable when is the script's to say
  options.lock_wait = absl::ZeroDuration();
  options.min_log_bytes = kMinLogBytes;
  return Store::Open(backend_, options, LegacyImport());
}

absl::Status Player::Open(absl::Span<const StatePtr> expected, std::vector<StatePtr> floor) {
  const size_t begin = recording_->size();
  NUMPACK_ASSIGN_OR_RETURN(store_, OpenStore());
  std::string differences;
  for (const StatePtr& state : expected) {
    const absl::Status status = Compare(*store_, *state);
    if (!status.ok()) {
      absl::StrAppend(&differences, differences.empty() ? "" : ", nor ", status.message());
      continue;
    }
    state_ = state;
    floor_ = std::move(floor);
    steps_.push_back(
        {"open", begin, recording_->size(), state_, state_, /*failed=*/false, floor_, {}, floor_});
    return absl::OkStatus();
  }
  return absl::DataLossError(differences);
}

absl::Status Player::Run(std::string what, const State& after, Barrier barrier,
                         const std::function<absl::Status()>& body) {
  Step step;
  step.what = std::move(what);
  step.begin = recording_->size();
  step.before = state_;
  step.floor_before = floor_;
  const auto is_adopted = [&] {
    const auto files = backend_->List();
    return files.ok() && std::any_of(files->begin(), files->end(), [](const std::string& name) {
             return absl::StartsWith(name, "log.");
           });
  };
  bool adopted = is_adopted();
  const absl::Status status = body();
  step.end = recording_->size();
  step.after = std::make_shared<const State>(after);
  // A new log begins with a barrier: but for the first one, of a directory that was adopted, behind
  // the change.
  const std::vector<RecordedCall> calls = recording_->calls();
  std::optional<Barrier> given_up;  // it could not be made durable, and was removed again
  for (size_t i = step.begin; i < step.end; ++i) {
    const bool log =
        calls[i].kind == RecordedCall::Kind::kCreate && absl::StartsWith(calls[i].name, "log.");
    if (!log) continue;
    if (!std::exchange(adopted, true)) continue;
    const auto removes = [&](const RecordedCall& call) {
      return call.kind == RecordedCall::Kind::kRemove && call.name == calls[i].name;
    };
    if (std::any_of(calls.begin() + static_cast<ptrdiff_t>(i), calls.end(), removes))
      given_up = barrier;
    barrier = Barrier::kOfAfter;
  }
  if (barrier == Barrier::kOfBefore) step.making = {step.before};
  if (barrier == Barrier::kOfAfter) step.making = {step.after};
  const bool made = !given_up.has_value() || *given_up == Barrier::kOfAfter;
  step.floor_after = step.making.empty() || !made ? floor_ : step.making;
  if (status.ok()) {
    floor_ = step.floor_after;
    state_ = step.after;
  } else {
    // All of it is possible.
    step.failed = true;
    floor_.insert(floor_.end(), step.making.begin(), step.making.end());
    step.floor_after = floor_;
  }
  steps_.push_back(std::move(step));
  return status;
}

absl::StatusOr<std::string> Player::BytesOf(const std::string& name) {
  NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, store_->Find(name));
  NUMPACK_ASSIGN_OR_RETURN(const SharedBytes view, pinned.View());
  return std::string(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
}

Bytes Player::NewBytes(size_t length) { return MakeBytes(next_++, length); }
std::string Player::NewName(absl::string_view prefix) { return absl::StrCat(prefix, next_++); }

absl::Status Player::Put(const std::string& name, size_t length, std::string metadata) {
  const Bytes bytes = NewBytes(length);
  State after = *state_;
  SetArray(after, name, bytes, metadata);
  return Run(absl::StrCat("put ", name), after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(transaction, *bytes));
    NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), metadata));
    return transaction.Commit();
  });
}

absl::Status Player::Flush() {
  const Barrier barrier = Barrier::kOfBefore;
  return Run("flush", *state_, barrier, [&] { return store_->Flush(); });
}

absl::Status Player::Close() {
  NUMPACK_RETURN_IF_ERROR(
      Run("close", *state_, Barrier::kOfBefore, [&] { return store_->CloseHandle(); }));
  store_ = nullptr;
  return absl::OkStatus();
}

absl::Status Player::Do(Operation operation) {
  switch (operation) {
    case Operation::kSaveNew:
      return Put(NewName("new"), 300);
    case Operation::kSaveOver:
      return Put("a", 700);
    case Operation::kSaveOverLarge:
      return Put("l", kLargeBytes - 500);
    case Operation::kAppend:
      return Append("a", 100);
    case Operation::kAppendLarge:
      return Append("l", 5000);
    case Operation::kRewrite:
      return Rewrite();
    case Operation::kRemove:
      return Remove();
    case Operation::kRename:
      return Rename();
    case Operation::kSeveral:
      return Several();
    case Operation::kSpill:
      return Spill();
    case Operation::kInPlace:
      return InPlace(/*busy=*/false);
    case Operation::kInPlaceBusy:
      return InPlace(/*busy=*/true);
    case Operation::kAcknowledge:
      return Acknowledge();
    case Operation::kFlush:
      return Flush();
    case Operation::kFlushBusy:
      return FlushBusy();
    case Operation::kChangeLog:
      return ChangeLog();
    case Operation::kReopen:
      NUMPACK_RETURN_IF_ERROR(Close());
      return Open({state_}, floor_);
  }
  return absl::OkStatus();
}

absl::Status Player::Append(const std::string& name, size_t length) {
  if (state_->arrays.count(name) == 0) return Put(name, length);
  const Bytes more = NewBytes(length);
  NUMPACK_ASSIGN_OR_RETURN(const std::string before, BytesOf(name));
  State after = *state_;
  SetArray(after, name, std::make_shared<const std::string>(before + *more), kMetadata);
  return Run(absl::StrCat("append to ", name), after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, transaction.Extend(name, {AsBytes(*more)}));
    NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), kMetadata));
    return transaction.Commit();
  });
}

absl::Status Player::Rewrite() {
  if (state_->arrays.count("m") == 0) return Put("m", kMiddleBytes);
  // The pieces overlap, and the second one wins.
  const Bytes first = NewBytes(1500), second = NewBytes(1000);
  NUMPACK_ASSIGN_OR_RETURN(std::string bytes, BytesOf("m"));
  bytes.replace(777, first->size(), *first);
  bytes.replace(2000, second->size(), *second);
  State after = *state_;
  const std::string metadata = absl::StrCat("rewritten ", next_);
  SetArray(after, "m", std::make_shared<const std::string>(bytes), metadata);
  return Run("rewrite m", after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    NUMPACK_ASSIGN_OR_RETURN(
        const bool done,
        transaction.Rewrite("m", {{777, AsBytes(*first)}, {2000, AsBytes(*second)}}, metadata));
    if (done) return absl::OkStatus();
    // Interrupted arrays are saved whole.
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(transaction, bytes));
    NUMPACK_RETURN_IF_ERROR(transaction.Put("m", std::move(extent), metadata));
    return transaction.Commit();
  });
}

absl::Status Player::Publish(std::string what, const State& after, Transaction& transaction) {
  return Run(std::move(what), after, CommitBarrier(), [&] { return transaction.Publish(); });
}

absl::Status Player::Remove() {
  if (state_->order.empty()) return Put("a", kSmallBytes);
  const std::string name = state_->order.front();
  State after = *state_;
  RemoveArray(after, name);
  return Run(absl::StrCat("remove ", name), after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    NUMPACK_RETURN_IF_ERROR(transaction.Remove(name));
    return transaction.Commit();
  });
}

absl::Status Player::Rename() {
  if (state_->order.empty()) return Put("a", kSmallBytes);
  const std::string from = state_->order.front(), to = NewName("renamed");
  State after = *state_;
  after.arrays[to] = after.arrays.at(from);
  after.order.push_back(to);
  RemoveArray(after, from);
  return Run(absl::StrCat("rename ", from), after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    NUMPACK_RETURN_IF_ERROR(transaction.Rename(from, to));
    return transaction.Commit();
  });
}

absl::Status Player::Several() {
  const std::string name = NewName("several");
  const Bytes one = NewBytes(400), two = NewBytes(kMiddleBytes), more = NewBytes(2000);
  State after = *state_;
  const bool has_l = after.arrays.count("l") > 0, has_a = after.arrays.count("a") > 0;
  if (has_a) RemoveArray(after, "a");
  SetArray(after, name, one, kMetadata);
  SetArray(after, "m", two, kMetadata);
  if (has_l) {
    const std::string longer = *after.arrays.at("l").bytes + *more;
    SetArray(after, "l", std::make_shared<const std::string>(longer), kMetadata);
  }
  return Run("several", after, CommitBarrier(), [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
    if (has_a) NUMPACK_RETURN_IF_ERROR(transaction.Remove("a"));
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(transaction, *one));
    NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), kMetadata));
    NUMPACK_ASSIGN_OR_RETURN(extent, Write(transaction, *two));
    NUMPACK_RETURN_IF_ERROR(transaction.Put("m", std::move(extent), kMetadata));
    if (has_l) {
      NUMPACK_ASSIGN_OR_RETURN(extent, transaction.Extend("l", {AsBytes(*more)}));
      NUMPACK_RETURN_IF_ERROR(transaction.Put("l", std::move(extent), kMetadata));
    }
    return transaction.Commit();
  });
}

absl::Status Player::Spill() {
  const std::string name = NewName("spilled");
  const Bytes given_up = NewBytes(40'000), kept = NewBytes(40'000), other = NewBytes(5000);
  std::optional<Transaction> transaction;
  std::optional<SharedBytes> shown;
  NUMPACK_RETURN_IF_ERROR(Run("spill", *state_, Barrier::kNone, [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(Transaction begun, store_->Begin());
    transaction.emplace(std::move(begun));
    NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(*transaction, *given_up));
    NUMPACK_RETURN_IF_ERROR(transaction->Put(name, std::move(extent), kMetadata));
    NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, transaction->Find(name));
    NUMPACK_ASSIGN_OR_RETURN(shown, pinned.View());
    NUMPACK_ASSIGN_OR_RETURN(extent, Write(*transaction, *kept));
    NUMPACK_RETURN_IF_ERROR(transaction->Put(name, std::move(extent), kMetadata));
    return absl::OkStatus();
  }));
  State after = *state_;
  SetArray(after, name, kept, kMetadata);
  NUMPACK_RETURN_IF_ERROR(Publish("publish", after, *transaction));
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(*transaction, *other));
  NUMPACK_RETURN_IF_ERROR(transaction->Put("a", std::move(extent), kMetadata));
  SetArray(after, "a", other, kMetadata);
  NUMPACK_RETURN_IF_ERROR(Publish("publish again", after, *transaction));
  // Here it is written down that somebody reads what no record names.
  return Run("end", after, Barrier::kNone, [&] {
    transaction.reset();
    shown.reset();
    return absl::OkStatus();
  });
}

absl::Status Player::InPlace(bool busy) {
  if (state_->arrays.count("m") == 0) return Put("m", kMiddleBytes);
  State open = *state_;
  State::Array& array = open.arrays.at("m");
  const std::string metadata = absl::StrCat("changed ", next_);
  NUMPACK_ASSIGN_OR_RETURN(std::string changed, BytesOf("m"));
  const size_t length = 4000;
  const Bytes stored = NewBytes(length);
  changed.replace(100, length, *stored);
  const Bytes after_bytes = std::make_shared<const std::string>(std::move(changed));
  array.mixed_with.push_back(array.bytes);
  storage::InPlaceMapping mapping;
  NUMPACK_RETURN_IF_ERROR(Run("begin in place", open, Barrier::kOfAfter, [&]() -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(mapping, store_->BeginInPlace("m"));
    return absl::OkStatus();
  }));
  // From here on the machine may write what it likes of what is stored.
  array.mixed_with.push_back(after_bytes);
  const auto store = [&](size_t begin, size_t end) {
    return Run("store", open, Barrier::kOfAfter, [&] {
      std::memcpy(mapping.region.data() + 100 + begin, stored->data() + begin, end - begin);
      return absl::OkStatus();
    });
  };
  NUMPACK_RETURN_IF_ERROR(store(0, length / 2));
  if (busy) {
    // The floor stays what it is: the commit is not durable yet.
    NUMPACK_RETURN_IF_ERROR(Put("a", 500));
    open = *state_;
  }
  NUMPACK_RETURN_IF_ERROR(Run("store", open, Barrier::kNone, [&] {
    std::memcpy(mapping.region.data() + 100 + length / 2, stored->data() + length / 2, length / 2);
    return absl::OkStatus();
  }));
  State after = open;
  after.arrays.at("m") = {after_bytes, metadata, {}};
  return Run("end in place", after, Barrier::kOfAfter, [&]() -> absl::Status {
    const absl::Status status = store_->EndInPlace({{"m", metadata}});
    mapping = storage::InPlaceMapping();
    return status;
  });
}

absl::Status Player::Acknowledge() {
  const auto it = state_->arrays.find("m");
  if (it == state_->arrays.end() || it->second.mixed_with.empty()) return Put("m", kMiddleBytes);
  NUMPACK_ASSIGN_OR_RETURN(std::string bytes, BytesOf("m"));
  State after = *state_;
  after.arrays["m"] = {
      std::make_shared<const std::string>(std::move(bytes)), it->second.metadata, {}};
  return Run("acknowledge m", after, Barrier::kOfAfter,
             [&] { return store_->AcknowledgeInterrupted("m"); });
}

absl::Status Player::FlushBusy() {
  // With kFull the commit would wait for the flush that waits for it.
  if (durability_ == Durability::kFull) return Flush();
  const Bytes bytes = NewBytes(900);
  const std::string name = NewName("busy");
  State after = *state_;
  SetArray(after, name, bytes, kMetadata);
  // And what the flush is making durable is superseded.
  SetArray(after, "a", bytes, kMetadata);
  bool committed = false;
  absl::Status status;
  recording_->SetHook([&](const RecordedCall& call) {
    if (committed || call.kind != RecordedCall::Kind::kSync ||
        !absl::StartsWith(call.name, "segment.")) {
      return;
    }
    // A commit that changes the log waits for the flush too.
    if (store_->stats().log_bytes > kMinLogBytes - 1000) return;
    committed = true;
    status = [&]() -> absl::Status {
      NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store_->Begin());
      NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, Write(transaction, *bytes));
      NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), kMetadata));
      NUMPACK_ASSIGN_OR_RETURN(extent, Write(transaction, *bytes));
      NUMPACK_RETURN_IF_ERROR(transaction.Put("a", std::move(extent), kMetadata));
      return transaction.Commit();
    }();
  });
  const State before = *state_;
  NUMPACK_RETURN_IF_ERROR(Run("busy flush", after, Barrier::kOfBefore, [&]() -> absl::Status {
    absl::Status flushed = store_->Flush();
    flushed.Update(status);
    if (!committed) after = before;  // there was nothing to sync
    return flushed;
  }));
  recording_->SetHook(nullptr);
  return absl::OkStatus();
}

absl::Status Player::ChangeLog() {
  NUMPACK_RETURN_IF_ERROR(Put("changed log", 10, std::string(log_metadata_, 'x')));
  // What the next log begins with is longer each time.
  log_metadata_ *= 5;
  return absl::OkStatus();
}

}  // namespace numpack::crash
