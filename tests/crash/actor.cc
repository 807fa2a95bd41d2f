#include "tests/crash/actor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"

namespace numpack::crash {
namespace {

// Appended arrays start anew beyond this, which is well within a segment of their own.
constexpr int64_t kMostRows = 9000;

absl::Span<const uint64_t> WordsOf(const AnyArray& array) {
  return absl::MakeConstSpan(reinterpret_cast<const uint64_t*>(array.data()),
                             static_cast<size_t>(array.size()));
}

ArrayView ViewOf(const Rows& rows) {
  const int64_t shape[] = {static_cast<int64_t>(rows.size()) / kRowWords, kRowWords};
  return *ArrayView::Contiguous(DType::kUint64, shape, rows.data());
}

absl::Status Annotate(const absl::Status& status, absl::string_view what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

// The array that the actors' batches change first, only to get the writer lock.
constexpr char kBatchLock[] = "batch lock";

}  // namespace

const std::vector<ArraySpec>& Arrays() {
  static const auto* const arrays = new std::vector<ArraySpec>{
      {"s0", Kind::kSaved},       {"s1", Kind::kSaved},       {"s2", Kind::kSaved},
      {"s3", Kind::kSaved},       {"s4", Kind::kSaved},       {"a0", Kind::kAppended},
      {"a1", Kind::kAppended},    {"a2", Kind::kAppended},    {"e0", Kind::kEdited},
      {"e1", Kind::kEdited},      {"e2", Kind::kEdited},      {"g0", Kind::kSaved, true},
      {"g1", Kind::kSaved, true}, {"g2", Kind::kSaved, true}, {"g3", Kind::kSaved, true},
  };
  return *arrays;
}

Actor::Actor(std::string path, Ledger& ledger, const ActorOptions& options)
    : path_(std::move(path)),
      ledger_(ledger),
      options_(options),
      random_(options.seed),
      seen_(Arrays().size()) {}

absl::Status Actor::Open() {
  if (store_.has_value()) return absl::OkStatus();
  absl::StatusOr<NumPack> store = NumPack::Open(path_, options_.store);
  if (!store.ok()) return Annotate(store.status(), "opening");
  store_ = *std::move(store);
  return absl::OkStatus();
}

absl::Status Actor::Close() {
  if (!store_.has_value()) return absl::OkStatus();
  const absl::Status status = store_->Close();
  store_.reset();
  return status.ok() ? status : Annotate(status, "closing");
}

absl::Status Actor::Reopen() {
  // Views may outlive the handle; sometimes none does, and then the process gives the store up.
  if (Random(2) == 0) held_.clear();
  NUMPACK_RETURN_IF_ERROR(Close());
  return Open();
}

uint64_t Actor::PickArray(const std::function<bool(const ArraySpec&)>& which) {
  for (;;) {
    const uint64_t array = Random(Arrays().size());
    if (which(Arrays()[array])) return array;
  }
}

absl::StatusOr<Actor::Found> Actor::Inspect(uint64_t array, absl::StatusOr<AnyArray> view) const {
  if (absl::IsNotFound(view.status())) return Found{};
  if (!view.ok()) return Annotate(view.status(), absl::StrCat("viewing ", Arrays()[array].name));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t stamp,
                           CheckContents(Arrays()[array].kind, array, WordsOf(*view)));
  return Found{stamp, *std::move(view)};
}

absl::StatusOr<Actor::Found> Actor::Look(uint64_t array) {
  const uint64_t acknowledged = ledger_.Acknowledged(array);
  NUMPACK_ASSIGN_OR_RETURN(Found found, Inspect(array, store_->View(Arrays()[array].name)));
  NUMPACK_RETURN_IF_ERROR(ledger_.Check(array, acknowledged, found.stamp));
  if (found.stamp != 0 && found.stamp < seen_[array]) {
    return absl::DataLossError(
        absl::StrCat("array ", array, " went back from state ", seen_[array], " to ", found.stamp));
  }
  seen_[array] = std::max(seen_[array], found.stamp);
  ledger_.reads().fetch_add(1);
  return found;
}

// The stamp is never 0 here unless the array was never saved.
absl::StatusOr<Actor::Found> Actor::LookLocked(Transaction& transaction, uint64_t array) {
  auto lazy = transaction.Lazy(Arrays()[array].name);
  absl::StatusOr<AnyArray> view = lazy.ok() ? lazy->View() : lazy.status();
  NUMPACK_ASSIGN_OR_RETURN(Found found, Inspect(array, std::move(view)));
  NUMPACK_ASSIGN_OR_RETURN(found.stamp, ledger_.Resolve(array, found.stamp));
  seen_[array] = std::max(seen_[array], found.stamp);
  return found;
}

void Actor::MaybeHold(uint64_t array, Found found) {
  if (!found.view.has_value() || Random(3) != 0) return;
  Held held = {array, found.stamp, *std::move(found.view)};
  if (held_.size() < options_.max_held_views) {
    held_.push_back(std::move(held));
  } else {
    held_[Random(held_.size())] = std::move(held);
  }
}

absl::Status Actor::CheckHeldViews() const {
  for (const Held& held : held_) {
    const absl::StatusOr<uint64_t> stamp =
        CheckContents(Arrays()[held.array].kind, held.array, WordsOf(held.view));
    if (!stamp.ok()) return Annotate(stamp.status(), "a held view has changed");
    if (*stamp != held.stamp) {
      return absl::DataLossError(absl::StrCat("a held view of array ", held.array,
                                              " went from state ", held.stamp, " to ", *stamp));
    }
  }
  return absl::OkStatus();
}

absl::Status Actor::Step() {
  NUMPACK_RETURN_IF_ERROR(Open());
  if (options_.store.read_only) return Random(50) == 0 ? Reopen() : Read();
  if (Random(100) < static_cast<uint64_t>(options_.percent_reads)) return Read();
  return Change();
}

absl::Status Actor::Read() {
  if (Random(6) == 0) return CheckHeldViews();
  if (Random(6) == 0) return ReadGroup();
  const uint64_t array = Random(Arrays().size());
  NUMPACK_ASSIGN_OR_RETURN(Found found, Look(array));
  MaybeHold(array, std::move(found));
  return absl::OkStatus();
}

// Read one after another without a lock, members of a group can only become newer: a commit that
// showed one of them and not yet the other would show here.
absl::Status Actor::ReadGroup() {
  uint64_t newest = 0;
  for (uint64_t array = 0; array < Arrays().size(); ++array) {
    if (!Arrays()[array].grouped) continue;
    NUMPACK_ASSIGN_OR_RETURN(Found found, Look(array));
    if (found.stamp < newest) {
      return absl::DataLossError(absl::StrCat("half a batch: array ", array, " has state ",
                                              found.stamp, ", one before it ", newest));
    }
    newest = found.stamp;
    MaybeHold(array, std::move(found));
  }
  return absl::OkStatus();
}

void Actor::Note(uint64_t array, uint64_t stamp, bool removal) {
  ledger_.Start(array, stamp, removal);
  noted_.push_back({array, stamp});
}

void Actor::AcknowledgeNoted() {
  for (const Noted& noted : noted_) ledger_.Acknowledge(noted.array, noted.stamp);
  noted_.clear();
  ledger_.commits().fetch_add(1);
}

absl::Status Actor::Commit(Transaction transaction) {
  const absl::Status status = transaction.Commit();
  if (!status.ok()) return Annotate(status, "committing");
  AcknowledgeNoted();
  return absl::OkStatus();
}

absl::Status Actor::Change() {
  const uint64_t choice = Random(100);
  if (choice < 2) return Reopen();
  if (choice < 4) {
    const absl::Status status = store_->Flush();
    return status.ok() ? status : Annotate(status, "flushing");
  }
  // Rarely: it waits for the disk while others wait for it, which takes seconds on a busy machine.
  if (choice < 5 && Random(4) == 0) {
    const absl::Status status = store_->Vacuum().status();
    return status.ok() ? status : Annotate(status, "packing");
  }
  if (choice < 8) return RollBack();
  if (choice < 14) return SaveGroup();
  if (choice < 20) return SaveGroupByBatch();
  const uint64_t array = PickArray([](const ArraySpec& spec) { return !spec.grouped; });
  absl::StatusOr<Transaction> transaction = store_->Begin();
  if (!transaction.ok()) return Annotate(transaction.status(), "beginning");
  switch (Arrays()[array].kind) {
    case Kind::kSaved:
      NUMPACK_RETURN_IF_ERROR(ChangeSaved(*transaction, array));
      break;
    case Kind::kAppended:
      NUMPACK_RETURN_IF_ERROR(ChangeAppended(*transaction, array));
      break;
    case Kind::kEdited:
      NUMPACK_RETURN_IF_ERROR(ChangeEdited(*transaction, array));
      break;
  }
  return Commit(*std::move(transaction));
}

absl::Status Actor::ChangeSaved(Transaction& transaction, uint64_t array) {
  NUMPACK_ASSIGN_OR_RETURN(const Found found, LookLocked(transaction, array));
  const uint64_t stamp = ledger_.NextStamp(array);
  const std::string& name = Arrays()[array].name;
  const bool removal = found.view.has_value() && Random(8) == 0;
  NUMPACK_RETURN_IF_ERROR(removal ? transaction.Remove(name)
                                  : transaction.Save(name, ViewOf(SavedContents(array, stamp))));
  Note(array, stamp, removal);
  return absl::OkStatus();
}

absl::Status Actor::ChangeAppended(Transaction& transaction, uint64_t array) {
  NUMPACK_ASSIGN_OR_RETURN(const Found found, LookLocked(transaction, array));
  const std::string& name = Arrays()[array].name;
  const int64_t rows = found.view.has_value() ? found.view->shape()[0] : 0;
  const int64_t more = 1 + static_cast<int64_t>(Random(Random(20) == 0 ? 3000 : 40));
  const uint64_t next_epoch = EpochOf(ledger_.NextStamp(array)) + 1;
  Rows added;
  if (rows == 0 || rows > kMostRows || Random(60) == 0) {
    AppendRows(array, next_epoch, 0, more, added);
    NUMPACK_RETURN_IF_ERROR(transaction.Save(name, ViewOf(added)));
    Note(array, AppendedStamp(next_epoch, more));
  } else if (Random(100) == 0) {
    NUMPACK_RETURN_IF_ERROR(transaction.Remove(name));
    Note(array, AppendedStamp(next_epoch, 0), /*removal=*/true);
  } else {
    const uint64_t epoch = EpochOf(found.stamp);
    AppendRows(array, epoch, rows, more, added);
    NUMPACK_RETURN_IF_ERROR(transaction.Append(name, ViewOf(added)));
    Note(array, AppendedStamp(epoch, rows + more));
  }
  return absl::OkStatus();
}

absl::Status Actor::ChangeEdited(Transaction& transaction, uint64_t array) {
  NUMPACK_ASSIGN_OR_RETURN(Found found, LookLocked(transaction, array));
  const std::string& name = Arrays()[array].name;
  const uint64_t stamp = ledger_.NextStamp(array);
  Rows rows;
  if (found.view.has_value()) {
    const absl::Span<const uint64_t> words = WordsOf(*found.view);
    rows.assign(words.begin(), words.end());
    found.view.reset();  // rows that nobody looks at can be replaced where they lie
  }
  const int64_t count = static_cast<int64_t>(rows.size()) / kRowWords;
  if (count < 8 || Random(10) == 0) {
    rows.clear();
    const uint64_t most = Random(5) == 0 ? 7000 : 200;
    AppendRows(array, stamp, 0, 8 + static_cast<int64_t>(Random(most)), rows);
    SealEdited(array, stamp, rows);
    NUMPACK_RETURN_IF_ERROR(transaction.Save(name, ViewOf(rows)));
    Note(array, stamp);
    return absl::OkStatus();
  }
  // Some neighbours, and row 0, which speaks of all.
  const int64_t first = 1 + static_cast<int64_t>(Random(static_cast<uint64_t>(count - 1)));
  const int64_t some = std::min<int64_t>(count - first, 1 + static_cast<int64_t>(Random(30)));
  const auto begin = rows.begin() + first * kRowWords;
  std::vector<int64_t> changed = {0};
  Rows written;
  if (Random(3) == 0) {
    std::vector<int64_t> gone;
    for (int64_t i = 0; i < some; ++i) gone.push_back(first + i);
    NUMPACK_RETURN_IF_ERROR(transaction.DropRows(name, gone));
    rows.erase(begin, begin + some * kRowWords);
  } else {
    AppendRows(array, stamp, first, some, written);
    std::copy(written.begin(), written.end(), begin);
    for (int64_t i = 0; i < some; ++i) changed.push_back(first + i);
  }
  SealEdited(array, stamp, rows);
  written.insert(written.begin(), rows.begin(), rows.begin() + kRowWords);
  Note(array, stamp);
  // Where nothing else was done yet, that may be a commit of its own.
  if (changed.size() > 1) {
    NUMPACK_ASSIGN_OR_RETURN(const bool done,
                             transaction.RewriteRows(name, changed, ViewOf(written)));
    if (done) return absl::OkStatus();
  }
  return transaction.ReplaceRows(name, changed, ViewOf(written));
}

absl::Status Actor::SaveGroup() {
  absl::StatusOr<Transaction> transaction = store_->Begin();
  if (!transaction.ok()) return Annotate(transaction.status(), "beginning");
  uint64_t stamp = 0;
  for (uint64_t array = 0; array < Arrays().size(); ++array) {
    if (!Arrays()[array].grouped) continue;
    NUMPACK_RETURN_IF_ERROR(LookLocked(*transaction, array).status());
    stamp = std::max(stamp, ledger_.NextStamp(array));
  }
  for (uint64_t array = 0; array < Arrays().size(); ++array) {
    if (!Arrays()[array].grouped) continue;
    NUMPACK_RETURN_IF_ERROR(
        transaction->Save(Arrays()[array].name, ViewOf(SavedContents(array, stamp))));
    Note(array, stamp);
  }
  return Commit(*std::move(transaction));
}

absl::Status Actor::SaveGroupByBatch() {
  BatchOptions options;
  if (Random(2) == 0) options.memory_limit_bytes = 100'000;  // so that some are spilled
  absl::StatusOr<Batch> batch = store_->BeginBatch(options);
  if (!batch.ok()) return Annotate(batch.status(), "beginning a batch");
  const auto save = [&](const std::string& name, const Rows& rows) -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(
        AnyArray array,
        NewHeapArray(DType::kUint64, {static_cast<int64_t>(rows.size()) / kRowWords, kRowWords}));
    std::copy(rows.begin(), rows.end(), reinterpret_cast<uint64_t*>(array.mutable_data()));
    return batch->Save(name, std::move(array));
  };
  absl::Status status = save(kBatchLock, Rows(kRowWords));
  uint64_t stamp = 0;
  for (uint64_t array = 0; status.ok() && array < Arrays().size(); ++array) {
    if (!Arrays()[array].grouped) continue;
    const absl::StatusOr<Found> found = Inspect(array, batch->Load(Arrays()[array].name));
    if (!found.ok()) return found.status();
    status = ledger_.Resolve(array, found->stamp).status();
    stamp = std::max(stamp, ledger_.NextStamp(array));
  }
  for (uint64_t array = 0; status.ok() && array < Arrays().size(); ++array) {
    if (!Arrays()[array].grouped) continue;
    status = save(Arrays()[array].name, SavedContents(array, stamp));
    Note(array, stamp);
  }
  if (status.ok()) status = batch->Commit();
  if (!status.ok()) return Annotate(status, "a batch");
  AcknowledgeNoted();
  return absl::OkStatus();
}

// A view of what was never committed stays what it was, too.
absl::Status Actor::RollBack() {
  absl::StatusOr<Transaction> transaction = store_->Begin();
  if (!transaction.ok()) return Annotate(transaction.status(), "beginning");
  const uint64_t array =
      PickArray([](const ArraySpec& spec) { return spec.kind == Kind::kSaved && !spec.grouped; });
  NUMPACK_RETURN_IF_ERROR(LookLocked(*transaction, array).status());
  const uint64_t stamp = ledger_.NextStamp(array) + 1'000'000'000;
  const std::string& name = Arrays()[array].name;
  NUMPACK_RETURN_IF_ERROR(transaction->Save(name, ViewOf(SavedContents(array, stamp))));
  auto lazy = transaction->Lazy(name);
  absl::StatusOr<AnyArray> view = lazy.ok() ? lazy->View() : lazy.status();
  NUMPACK_ASSIGN_OR_RETURN(Found found, Inspect(array, std::move(view)));
  MaybeHold(array, std::move(found));
  return absl::OkStatus();
}

absl::Status Actor::CheckAll() {
  NUMPACK_RETURN_IF_ERROR(Open());
  absl::StatusOr<Transaction> transaction = store_->Begin();
  if (!transaction.ok()) return Annotate(transaction.status(), "beginning");
  std::optional<uint64_t> group;
  for (uint64_t array = 0; array < Arrays().size(); ++array) {
    NUMPACK_ASSIGN_OR_RETURN(const Found found, LookLocked(*transaction, array));
    if (!Arrays()[array].grouped) continue;
    if (group.value_or(found.stamp) != found.stamp) {
      return absl::DataLossError(absl::StrCat("half a batch: array ", array, " has state ",
                                              found.stamp, ", one before it ", *group));
    }
    group = found.stamp;
  }
  for (const std::string& name : transaction->List()) {
    const bool known =
        name == kBatchLock || std::any_of(Arrays().begin(), Arrays().end(),
                                          [&](const ArraySpec& spec) { return spec.name == name; });
    if (!known) return absl::DataLossError(absl::StrCat("an array that nobody saved: ", name));
  }
  return absl::OkStatus();
}

}  // namespace numpack::crash
