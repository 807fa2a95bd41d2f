// A store on a file system of its own that stops at a random moment: whoever opens what is left,
// in another boot, has to find the state of one moment, not older than the last flush that was
// acknowledged.
//
//   tools/checks/filesystems.sh starts it:
//   machine_stop --role=writer --store=DIR --ledger=FILE --boot=3 --seed=7
//   ... a copy of the file system's image is made, as of one moment ...
//   machine_stop --role=verifier --store=DIR_IN_COPY --before=FILE --after=FILE --boot=4 --seed=7
//
// The writer makes changes number 1, 2, 3 and so on, each of which follows from its number and the
// seed, so the verifier knows every state there ever was. The ledger lies on another file system:
// which change was begun, and which are durable. The verifier gets it as of before and as of after
// the copy.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/base/status_macros.h"
#include "numpack/numpack.h"
#include "numpack/storage/store_test_util.h"
#include "tests/crash/contents.h"

ABSL_FLAG(std::string, role, "", "writer or verifier.");
ABSL_FLAG(std::string, store, "", "The store's directory.");
ABSL_FLAG(std::string, ledger, "", "Of a writer: where it says what it does.");
ABSL_FLAG(std::string, before, "", "Of a verifier: the ledger before the copy was made.");
ABSL_FLAG(std::string, after, "", "Of a verifier: the ledger after it.");
ABSL_FLAG(std::string, boot, "", "The identity of the boot.");
ABSL_FLAG(uint64_t, seed, 1, "What the changes are.");

namespace numpack::crash {
namespace {

constexpr uint64_t kSavedArrays = 6;
constexpr uint64_t kAppended = 20;  // numbers of the other arrays, in their rows
constexpr uint64_t kEdited = 21;
constexpr uint64_t kMoment = 22;
constexpr int64_t kEditedRows = 4000;  // 256,000 bytes

absl::StatusOr<std::shared_ptr<Backend>> OpenBackend() {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend,
                           OpenPosixMmapBackend(absl::GetFlag(FLAGS_store)));
  return storage::WithBootId(std::move(backend), absl::GetFlag(FLAGS_boot));
}

// What a change does.
struct Change {
  enum class Kind { kSave, kRemove, kAppend, kReplace } kind;
  uint64_t array = 0;         // saved or removed
  std::vector<int64_t> rows;  // replaced
};

Change ChangeOf(uint64_t number) {
  Random random(absl::GetFlag(FLAGS_seed) * 1'000'003 + number);
  Change change;
  const uint64_t choice = Below(random, 10);
  change.array = Below(random, kSavedArrays);
  change.kind = choice < 4   ? Change::Kind::kSave
                : choice < 5 ? Change::Kind::kRemove
                : choice < 7 ? Change::Kind::kAppend
                             : Change::Kind::kReplace;
  const auto first = static_cast<int64_t>(Below(random, kEditedRows - 40));
  const auto count = 1 + static_cast<int64_t>(Below(random, 40));
  for (int64_t i = 0; i < count; ++i) change.rows.push_back(first + i);
  return change;
}

// All arrays after a change, as words.
class Model {
 public:
  Model() { AppendRows(kEdited, 0, 0, kEditedRows, arrays_["edited"]); }

  void Apply(uint64_t number) {
    const Change change = ChangeOf(number);
    const std::string saved = absl::StrCat("s", change.array);
    switch (change.kind) {
      case Change::Kind::kSave:
        arrays_[saved] = SavedContents(change.array, number);
        break;
      case Change::Kind::kRemove:
        arrays_.erase(saved);
        break;
      case Change::Kind::kAppend:
        AppendRows(kAppended, number, 0, 1, arrays_["appended"]);
        break;
      case Change::Kind::kReplace:
        for (const int64_t row : change.rows) {
          Rows words;
          AppendRows(kEdited, number, row, 1, words);
          std::copy(words.begin(), words.end(), arrays_["edited"].begin() + row * kRowWords);
        }
        return;
    }
    arrays_["moment"].clear();
    AppendRows(kMoment, number, 0, 1, arrays_["moment"]);
  }
  const std::map<std::string, Rows>& arrays() const { return arrays_; }

 private:
  std::map<std::string, Rows> arrays_;
};

ArrayView ViewOf(const Rows& rows) {
  const int64_t shape[] = {static_cast<int64_t>(rows.size()) / kRowWords, kRowWords};
  return *ArrayView::Contiguous(DType::kUint64, shape, rows.data());
}

absl::Status Make(NumPack& store, uint64_t number) {
  const Change change = ChangeOf(number);
  const std::string saved = absl::StrCat("s", change.array);
  Rows words;
  if (change.kind == Change::Kind::kReplace) {
    for (const int64_t row : change.rows) AppendRows(kEdited, number, row, 1, words);
    return store.ReplaceRows("edited", change.rows, ViewOf(words));
  }
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  if (change.kind == Change::Kind::kSave) {
    words = SavedContents(change.array, number);
    NUMPACK_RETURN_IF_ERROR(transaction.Save(saved, ViewOf(words)));
  } else if (change.kind == Change::Kind::kRemove) {
    if (transaction.Contains(saved)) NUMPACK_RETURN_IF_ERROR(transaction.Remove(saved));
  } else {
    AppendRows(kAppended, number, 0, 1, words);
    const bool there = transaction.Contains("appended");
    NUMPACK_RETURN_IF_ERROR(there ? transaction.Append("appended", ViewOf(words))
                                  : transaction.Save("appended", ViewOf(words)));
  }
  Rows moment;
  AppendRows(kMoment, number, 0, 1, moment);
  NUMPACK_RETURN_IF_ERROR(transaction.Save("moment", ViewOf(moment)));
  return transaction.Commit();
}

absl::StatusOr<std::map<std::string, Rows>> ReadAll(const NumPack& store) {
  std::map<std::string, Rows> arrays;
  for (const std::string& name : store.List()) {
    NUMPACK_ASSIGN_OR_RETURN(const Array<uint64_t> array, store.Load<uint64_t>(name));
    arrays[name].assign(array.begin(), array.end());
  }
  return arrays;
}

// The number of the last change in what is stored; 0 when there was none. DataLoss when it is no
// state that there ever was.
absl::StatusOr<uint64_t> Moment(const NumPack& store) {
  NUMPACK_ASSIGN_OR_RETURN(const auto arrays, ReadAll(store));
  if (arrays.empty()) return 0;
  uint64_t moment = 0;
  if (const auto it = arrays.find("moment"); it != arrays.end()) moment = it->second[0];
  if (const auto it = arrays.find("edited"); it != arrays.end()) {
    for (size_t i = 0; i < it->second.size(); i += kRowWords)
      moment = std::max(moment, it->second[i]);
  }
  Model model;
  for (uint64_t number = 1; number <= moment; ++number) model.Apply(number);
  if (model.arrays() == arrays) return moment;
  std::string what;
  for (const auto& [name, rows] : model.arrays()) {
    const auto it = arrays.find(name);
    if (it == arrays.end() || it->second != rows) absl::StrAppend(&what, " ", name);
  }
  return absl::DataLossError(absl::StrCat("a mixture: of change ", moment, " these differ:", what,
                                          " (", arrays.size(), " arrays)"));
}

// Two numbers in a file that is written over.
absl::Status WriteLedger(std::fstream& file, uint64_t started, uint64_t durable) {
  const uint64_t numbers[] = {started, durable};
  file.seekp(0);
  file.write(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  file.flush();
  return file ? absl::OkStatus() : absl::InternalError("cannot write the ledger");
}

absl::StatusOr<std::pair<uint64_t, uint64_t>> ReadLedger(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  uint64_t numbers[2] = {0, 0};
  file.read(reinterpret_cast<char*>(numbers), sizeof(numbers));
  if (!file) return absl::InternalError(absl::StrCat("cannot read ", path));
  return std::pair(numbers[0], numbers[1]);
}

absl::Status Write() {
  Random random(absl::GetFlag(FLAGS_seed) + std::hash<std::string>()(absl::GetFlag(FLAGS_boot)));
  StoreOptions options;
  options.sync_delay = absl::Milliseconds(static_cast<int64_t>(Below(random, 200)));
  if (Below(random, 5) == 0) options.durability = Durability::kFull;
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend, OpenBackend());
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(std::move(backend), options));
  if (!store.Contains("edited")) {
    NUMPACK_RETURN_IF_ERROR(store.Save("edited", ViewOf(Model().arrays().at("edited"))));
    NUMPACK_RETURN_IF_ERROR(store.Flush());
  }
  NUMPACK_ASSIGN_OR_RETURN(uint64_t number, Moment(store));
  uint64_t durable = number;
  const std::string path = absl::GetFlag(FLAGS_ledger);
  std::ofstream(path, std::ios::binary | std::ios::trunc).close();
  std::fstream ledger(path, std::ios::binary | std::ios::in | std::ios::out);
  for (;;) {
    ++number;
    NUMPACK_RETURN_IF_ERROR(WriteLedger(ledger, number, durable));
    NUMPACK_RETURN_IF_ERROR(Make(store, number));
    const bool flushes = options.durability != Durability::kFull && Below(random, 40) == 0;
    if (flushes) NUMPACK_RETURN_IF_ERROR(store.Flush());
    if (flushes || options.durability == Durability::kFull) durable = number;
  }
}

absl::Status Verify() {
  NUMPACK_ASSIGN_OR_RETURN(const auto before, ReadLedger(absl::GetFlag(FLAGS_before)));
  NUMPACK_ASSIGN_OR_RETURN(const auto after, ReadLedger(absl::GetFlag(FLAGS_after)));
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenBackend());
  NUMPACK_ASSIGN_OR_RETURN(const VerifyReport report, numpack::Verify(*backend));
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::kNote) continue;
    return absl::DataLossError(absl::StrCat("verify: ", finding.file, ": ", finding.what));
  }
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(backend));
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t moment, Moment(store));
  std::printf(
      "durable %llu, found %llu, begun %llu\n", static_cast<unsigned long long>(before.second),
      static_cast<unsigned long long>(moment), static_cast<unsigned long long>(after.first));
  if (moment < before.second || moment > after.first)
    return absl::DataLossError("what was durable is lost, or what is there was never begun");
  return store.Close();
}

absl::Status Run() {
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "writer") return Write();
  if (role == "verifier") return Verify();
  return absl::InvalidArgumentError("--role=writer or --role=verifier");
}

}  // namespace
}  // namespace numpack::crash

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = numpack::crash::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "machine_stop: %s\n", status.ToString().c_str());
  return 1;
}
