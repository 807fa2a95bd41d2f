#include "tests/faults/operations.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/base/status_macros.h"
#include "tests/golden/v07/golden_directory.h"

namespace numpack::faults {
namespace {

constexpr int64_t kSmallRows = 10;
constexpr int64_t kPagesRows = 3000;
constexpr int64_t kLargeRows = 10'000;
constexpr int64_t kColumns = 8;

// Rows of float32 that tell who made them.
struct Rows {
  explicit Rows(int64_t rows, float first = 0)
      : values(static_cast<size_t>(rows * kColumns)), shape{rows, kColumns} {
    std::iota(values.begin(), values.end(), first);
  }
  ArrayView view() const { return *ArrayView::Contiguous(DType::kFloat32, shape, values.data()); }

  std::vector<float> values;
  Shape shape;
};

const Rows& Small() {
  static const auto* const rows = new Rows(kSmallRows);
  return *rows;
}
const Rows& Pages() {
  static const auto* const rows = new Rows(kPagesRows, 1000);
  return *rows;
}
const Rows& Large() {
  static const auto* const rows = new Rows(kLargeRows, 2000);
  return *rows;
}
const Rows& New() {
  static const auto* const rows = new Rows(kLargeRows + 7, 5e6);
  return *rows;
}

std::vector<int64_t> FewRows() { return {5, 6, 7, 90, 8}; }

// The rows of `from`, some of them changed or left out.
Rows Replaced(const Rows& from, const std::vector<int64_t>& rows, const Rows& with) {
  Rows result = from;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int64_t column = 0; column < kColumns; ++column)
      result.values[rows[i] * kColumns + column] = with.values[i * kColumns + column];
  }
  return result;
}

Rows Without(const Rows& from, const std::vector<int64_t>& rows) {
  Rows result(0);
  int64_t kept = 0;
  for (int64_t row = 0; row < from.shape[0]; ++row) {
    if (absl::c_linear_search(rows, row)) continue;
    ++kept;
    const auto begin = from.values.begin() + row * kColumns;
    result.values.insert(result.values.end(), begin, begin + kColumns);
  }
  result.shape[0] = kept;
  return result;
}

Rows Joined(const Rows& a, const Rows& b) {
  Rows result = a;
  result.values.insert(result.values.end(), b.values.begin(), b.values.end());
  result.shape[0] += b.shape[0];
  return result;
}

std::function<void(Contents&)> Sets(std::string name, Rows rows) {
  return [name = std::move(name), text = Describe(rows.view())](Contents& c) { c[name] = text; };
}

absl::StatusOr<AnyArray> HeapCopy(const Rows& rows) {
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, NewHeapArray(DType::kFloat32, rows.shape));
  CopyElements(rows.view(), array.mutable_data());
  return array;
}

using InTransaction = std::function<absl::Status(Transaction&)>;

absl::Status Transact(NumPack& store, const InTransaction& change) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  NUMPACK_RETURN_IF_ERROR(change(transaction));
  return transaction.Commit();
}

absl::Status OpenIt(Scene& scene, const StoreOptions& options = Quiet()) {
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(scene.backend, options));
  scene.store = std::move(store);
  return absl::OkStatus();
}

absl::Status ReadEverything(const NumPack& store) {
  absl::Status status;
  for (const std::string& name : store.List()) {
    status.Update(store.Info(name).status());
    status.Update(store.Load(name).status());
    status.Update(store.View(name).status());
    const auto lazy = store.Lazy(name);
    status.Update(lazy.status());
    if (!lazy.ok() || lazy->shape().empty() || lazy->shape()[0] == 0) continue;
    status.Update(lazy->ViewRows(0, 1).status());
    status.Update(lazy->LoadRows({0}).status());
  }
  status.Update(store.Stats().status());
  return status;
}

// Three arrays changed in a batch.
absl::Status RunBatch(Scene& scene, BatchOptions options) {
  NUMPACK_ASSIGN_OR_RETURN(Batch batch, scene.store->BeginBatch(std::move(options)));
  for (const char* const name : {"l", "p", "a"}) {
    NUMPACK_ASSIGN_OR_RETURN(const Array<float> array, batch.Load<float>(name));
    for (float& value : array) value += 1;
    NUMPACK_RETURN_IF_ERROR(batch.Save(name, array));
  }
  NUMPACK_ASSIGN_OR_RETURN(AnyArray added, HeapCopy(New()));
  NUMPACK_RETURN_IF_ERROR(batch.Save("n", std::move(added)));
  NUMPACK_RETURN_IF_ERROR(batch.Remove("r"));
  return batch.Commit();
}

void BatchEffect(Contents& contents) {
  for (const auto& [name, rows] : {std::pair("l", Large()), {"p", Pages()}, {"a", Small()}}) {
    Rows changed = rows;
    for (float& value : changed.values) value += 1;
    contents[name] = Describe(changed.view());
  }
  contents["n"] = Describe(New().view());
  contents.erase("r");
}

// A log that the next commit makes long enough to be replaced: names stand in it whole.
absl::Status MakeLogLong(Scene& scene) {
  const Rows none(0);
  for (int i = 0; i < 2; ++i) {
    const std::string name = std::string(1'000'000, 'n') + std::to_string(i);
    NUMPACK_RETURN_IF_ERROR(scene.store->Save(name, none.view()));
    NUMPACK_RETURN_IF_ERROR(scene.store->Remove(name));
  }
  return absl::OkStatus();
}

absl::Status ChangeLog(Scene& scene) {
  const std::string name(1'000'000, 'm');
  return Transact(*scene.store, [&](Transaction& transaction) {
    NUMPACK_RETURN_IF_ERROR(transaction.Save(name, Small().view()));
    return transaction.Rename(name, "n");
  });
}

absl::Status SaveMore(Scene& scene) { return scene.store->Save("u", New().view()); }

absl::Status MakeLegacy(Backend& backend) { return Unpack(ReadGolden("rows"), backend); }

std::vector<Operation> MakeOperations() {
  std::vector<Operation> operations;
  const auto add = [&](Operation operation) -> Operation& {
    operations.push_back(std::move(operation));
    return operations.back();
  };

  // Opening.
  Operation& fresh = add({"OpenNew", [](Scene& s) { return OpenIt(s); }});
  fresh.opens = true;
  fresh.make_directory = [](Backend&) { return absl::OkStatus(); };
  add({"OpenExisting", [](Scene& s) { return OpenIt(s); }}).opens = true;
  Operation& legacy = add({"OpenLegacy", [](Scene& s) {
                             NUMPACK_RETURN_IF_ERROR(OpenIt(s));
                             return ReadEverything(*s.store);
                           }});
  legacy.opens = true;
  legacy.make_directory = MakeLegacy;
  Operation& adopt = add({"AdoptLegacy",
                          [](Scene& s) {
                            NUMPACK_RETURN_IF_ERROR(OpenIt(s));
                            return s.store->Save("n", Large().view());
                          },
                          Sets("n", Large())});
  adopt.opens = true;
  adopt.make_directory = MakeLegacy;

  // Single changes.
  add({"SaveSmall", [](Scene& s) { return s.store->Save("n", Small().view()); },
       Sets("n", Small())});
  add({"SaveLarge", [](Scene& s) { return s.store->Save("n", New().view()); }, Sets("n", New())});
  add({"SaveAgain", [](Scene& s) { return s.store->Save("l", New().view()); }, Sets("l", New())});
  add({"SaveSeveral",
       [](Scene& s) {
         return s.store->Save({{"a", New().view()}, {"n", Pages().view()}, {"l", Small().view()}});
       },
       [](Contents& c) {
         Sets("a", New())(c);
         Sets("n", Pages())(c);
         Sets("l", Small())(c);
       }});
  add({"AppendSmall", [](Scene& s) { return s.store->Append("a", Small().view()); },
       Sets("a", Joined(Small(), Small()))});
  add({"AppendLarge", [](Scene& s) { return s.store->Append("l", New().view()); },
       Sets("l", Joined(Large(), New()))});
  Operation& in_slack =
      add({"AppendInSlack", [](Scene& s) { return s.store->Append("l", Small().view()); },
           Sets("l", Joined(Joined(Large(), New()), Small()))});
  in_slack.prepare = [](Scene& s) { return s.store->Append("l", New().view()); };
  add({"ReplaceRowsOfSmall",
       [](Scene& s) {
         return s.store->ReplaceRows("a", {1, 2}, Rows(2, -9).view());
       },
       Sets("a", Replaced(Small(), {1, 2}, Rows(2, -9)))});
  add({"ReplaceRowsInPlace",
       [](Scene& s) { return s.store->ReplaceRows("l", FewRows(), Rows(5, -9).view()); },
       Sets("l", Replaced(Large(), FewRows(), Rows(5, -9)))});
  Operation& undo =
      add({"ReplaceRowsOfFlushed",
           [](Scene& s) { return s.store->ReplaceRows("l", FewRows(), Rows(5, -9).view()); },
           Sets("l", Replaced(Large(), FewRows(), Rows(5, -9)))});
  undo.prepare = [](Scene& s) { return s.store->Flush(); };
  add({"DropRowsOfSmall",
       [](Scene& s) {
         return s.store->DropRows("a", {1, 2});
       },
       Sets("a", Without(Small(), {1, 2}))});
  add({"DropRowsOfLarge", [](Scene& s) { return s.store->DropRows("l", FewRows()); },
       Sets("l", Without(Large(), FewRows()))});
  add({"Compact", [](Scene& s) { return s.store->Compact("d"); }});
  add({"Remove", [](Scene& s) { return s.store->Remove("r"); }, [](Contents& c) { c.erase("r"); }});
  add({"Clear", [](Scene& s) { return s.store->Clear(); }, [](Contents& c) { c.clear(); }});

  // Transactions.
  add({"Rename",
       [](Scene& s) {
         return Transact(*s.store, [](Transaction& t) { return t.Rename("l", "n"); });
       },
       [](Contents& c) {
         c["n"] = c["l"];
         c.erase("l");
       }});
  add({"Clone",
       [](Scene& s) {
         return Transact(*s.store, [](Transaction& t) { return t.Clone("l", "n"); });
       },
       [](Contents& c) { c["n"] = c["l"]; }});
  add({"DropAllRows",
       [](Scene& s) {
         return Transact(*s.store, [](Transaction& t) { return t.DropAllRows("l"); });
       },
       Sets("l", Rows(0))});
  add({"Transaction",
       [](Scene& s) {
         return Transact(*s.store, [](Transaction& t) {
           NUMPACK_RETURN_IF_ERROR(t.Remove("r"));
           NUMPACK_RETURN_IF_ERROR(t.Save("n", New().view()));
           NUMPACK_RETURN_IF_ERROR(t.Append("l", Small().view()));
           NUMPACK_RETURN_IF_ERROR(t.ReplaceRows("p", FewRows(), Rows(5, -9).view()));
           return t.DropRows("a", {0});
         });
       },
       [](Contents& c) {
         c.erase("r");
         Sets("n", New())(c);
         Sets("l", Joined(Large(), Small()))(c);
         Sets("p", Replaced(Pages(), FewRows(), Rows(5, -9)))(c);
         Sets("a", Without(Small(), {0}))(c);
       }});
  add({"RolledBack", [](Scene& s) -> absl::Status {
         NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, s.store->Begin());
         NUMPACK_RETURN_IF_ERROR(transaction.Append("l", New().view()));
         return transaction.Save("n", New().view());
       }});

  // Batches.
  add({"Batch", [](Scene& s) { return RunBatch(s, {}); }, BatchEffect});
  add({"BatchThatSpills",
       [](Scene& s) {
         BatchOptions options;
         options.memory_limit_bytes = 200'000;
         return RunBatch(s, std::move(options));
       },
       BatchEffect});
  const auto in_place = [](const std::string& name, const Rows& rows) {
    Operation operation;
    operation.run = [name](Scene& s) -> absl::Status {
      NUMPACK_ASSIGN_OR_RETURN(WritableBatch writable, s.store->BeginWritable());
      NUMPACK_ASSIGN_OR_RETURN(const Array<float> array, writable.Load<float>(name));
      for (float& value : array) value += 1;
      return writable.Finish();
    };
    Rows changed = rows;
    for (float& value : changed.values) value += 1;
    operation.effect = Sets(name, changed);
    operation.promise = Promise::kInPlace;
    return operation;
  };
  add(in_place("l", Large())).name = "Writable";
  add(in_place("a", Small())).name = "WritableThatMoves";
  add(in_place("d", Without(Large(), FewRows()))).name = "WritableThatCompacts";

  // Durability.
  add({"Flush", [](Scene& s) { return s.store->Flush(); }}).prepare = SaveMore;
  add({"Close", [](Scene& s) { return s.store->Close(); }}).prepare = SaveMore;
  Operation& change = add({"ChangeOfLogs", ChangeLog, Sets("n", Small())});
  change.prepare = MakeLogLong;

  // Reading, and writing elsewhere.
  add({"Read", [](Scene& s) { return ReadEverything(*s.store); }});
  add({"Export", [](Scene& s) { return ExportV1(*s.store, *s.other); }});
  Operation& verify =
      add({"Verify", [](Scene& s) -> absl::Status {
             NUMPACK_ASSIGN_OR_RETURN(const VerifyReport report, Verify(*s.backend));
             if (report.clean()) return absl::OkStatus();
             return absl::DataLossError(report.findings[0].what);
           }});
  verify.opens = true;
  verify.explains = false;
  Operation& repair =
      add({"Repair", [](Scene& s) -> absl::Status {
             NUMPACK_ASSIGN_OR_RETURN(const RepairReport report, Repair(*s.backend, s.other));
             if (report.lost.empty()) return absl::OkStatus();
             return absl::DataLossError(report.lost[0].why);
           }});
  repair.opens = true;
  repair.explains = false;
  return operations;
}

}  // namespace

const std::vector<Operation>& Operations() {
  static const auto* const operations = new std::vector<Operation>(MakeOperations());
  return *operations;
}

StoreOptions Quiet() {
  StoreOptions options;
  options.background_sync = false;
  options.lock_wait = absl::ZeroDuration();
  return options;
}

std::string Describe(const ArrayView& view) {
  std::string bytes(static_cast<size_t>(view.nbytes()), '\0');
  if (!bytes.empty()) CopyElements(view, reinterpret_cast<std::byte*>(bytes.data()));
  return absl::StrCat(DTypeName(view.dtype), " ", ShapeString(view.shape), " ", bytes);
}

Contents ReadAll(ArrayStore& store) {
  Contents contents;
  for (const std::string& name : store.List()) {
    const absl::StatusOr<AnyArray> array = store.Load(name);
    EXPECT_EQ(array.status(), absl::OkStatus()) << name;
    contents[name] = array.ok() ? Describe(array->view()) : "unreadable";
  }
  return contents;
}

absl::Status FillStore(NumPack& store) {
  NUMPACK_RETURN_IF_ERROR(store.Save("a", Small().view()));
  NUMPACK_RETURN_IF_ERROR(store.Save("p", Pages().view()));
  NUMPACK_RETURN_IF_ERROR(store.Save("d", Large().view()));
  NUMPACK_RETURN_IF_ERROR(store.DropRows("d", FewRows()));
  NUMPACK_RETURN_IF_ERROR(store.Flush());
  NUMPACK_RETURN_IF_ERROR(store.Save("l", Large().view()));
  return store.Save("r", New().view());
}

}  // namespace numpack::faults
