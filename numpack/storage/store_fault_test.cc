// Every backend call of every operation fails once: the state is then the old or the new one, in
// this process and after a kill, and no space is lost.
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

struct Case {
  std::string name;
  std::function<absl::Status(Store&)> operation;
  // Makes of the old contents the new ones.
  std::function<void(Contents&)> effect;
};

const std::string& Large() {
  static const auto* large = new std::string(300'000, 'L');
  return *large;
}

std::vector<Case> Cases() {
  return {
      {"PutSmall", [](Store& s) { return PutBytes(s, "a", "new"); },
       [](Contents& c) { c["a"] = "new"; }},
      {"PutLarge", [](Store& s) { return PutBytes(s, "n", Large()); },
       [](Contents& c) { c["n"] = Large(); }},
      {"AppendSmall", [](Store& s) { return AppendBytes(s, "a", "more"); },
       [](Contents& c) { c["a"] += "more"; }},
      {"AppendLarge", [](Store& s) { return AppendBytes(s, "l", Large()); },
       [](Contents& c) { c["l"] += Large(); }},
      {"Remove", [](Store& s) { return RemoveName(s, "a"); }, [](Contents& c) { c.erase("a"); }},
      {"Flush",
       [](Store& s) {
         absl::Status status = PutBytes(s, "f", "flushed");
         status.Update(s.Flush());
         return status;
       },
       [](Contents& c) { c["f"] = "flushed"; }},
      {"Several",
       [](Store& s) -> absl::Status {
         auto transaction = s.Begin();
         if (!transaction.ok()) return transaction.status();
         absl::Status status = transaction->Remove("a");
         auto extent = transaction->Allocate("b", Large().size());
         if (!extent.ok()) return extent.status();
         status.Update(extent->Write(
             0, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(Large().data()),
                                    Large().size())));
         status.Update(transaction->Put("b", *std::move(extent), ""));
         if (!status.ok()) return status;
         return transaction->Commit();
       },
       [](Contents& c) { c.erase("a"), c["b"] = Large(); }},
      {"Rewrite",
       [](Store& s) { return RewriteBytes(s, "l", 100, std::string(5000, 'R')).status(); },
       [](Contents& c) { c["l"].replace(100, 5000, std::string(5000, 'R')); }},
      {"RewriteFlushed",
       [](Store& s) {
         absl::Status status = s.Flush();
         status.Update(RewriteBytes(s, "l", 100, std::string(5000, 'R')).status());
         return status;
       },
       [](Contents& c) { c["l"].replace(100, 5000, std::string(5000, 'R')); }},
      {"Close", [](Store& s) { return s.CloseHandle(); }, [](Contents&) {}},
  };
}

class StoreFaultTest : public testing::TestWithParam<std::tuple<size_t, FaultKind, bool>> {};

TEST_P(StoreFaultTest, OldOrNew) {
  const auto& [index, kind, stays] = GetParam();
  const Case test = Cases()[index];
  bool failed_once = false;
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000);
    auto faulty = std::make_shared<FaultInjectingBackend>(WithBootId(NewMemoryBackend(), "boot"));
    auto opened = Store::Open(faulty, StoreOptions{});
    ASSERT_EQ(opened.status(), absl::OkStatus());
    std::shared_ptr<Store> store = *std::move(opened);
    ASSERT_EQ(PutBytes(*store, "a", "old"), absl::OkStatus());
    ASSERT_EQ(PutBytes(*store, "l", Large()), absl::OkStatus());
    const Contents before = AllContents(*store);
    Contents after = before;
    test.effect(after);

    const absl::Status fault = absl::ResourceExhaustedError("injected");
    stays ? faulty->FailFrom(n, fault, kind) : faulty->FailAt(n, fault, kind);
    const absl::Status status = test.operation(*store);
    const bool failed = faulty->faults() > 0;
    failed_once = failed_once || failed;
    faulty->Heal();
    if (!failed) {
      EXPECT_EQ(status, absl::OkStatus());
      EXPECT_EQ(AllContents(*store), after);
      break;
    }
    const Contents here = AllContents(*store);
    EXPECT_TRUE(here == before || here == after) << test.name << " call " << n << ": " << status;
    if (status.ok()) {
      EXPECT_EQ(here, after) << test.name << " call " << n;
    }

    // Killed now.
    auto killed = Store::Open(CopyOf(*faulty, "boot"), StoreOptions{});
    ASSERT_EQ(killed.status(), absl::OkStatus()) << test.name << " call " << n;
    const Contents left = AllContents(**killed);
    EXPECT_TRUE(left == before || left == after) << test.name << " call " << n << ": " << status;
    // The killed store goes on working.
    EXPECT_EQ(PutBytes(**killed, "next", "n"), absl::OkStatus());
    // What the operation had taken is free again once it is superseded and flushed.
    if (test.name != "Close" && PutBytes(*store, "next", "n").ok() && store->Flush().ok()) {
      EXPECT_EQ(store->stats().limbo_bytes, 0u) << test.name << " call " << n;
    }
  }
  EXPECT_TRUE(failed_once) << "the operation made no call that could fail";
}

std::string TestName(const testing::TestParamInfo<StoreFaultTest::ParamType>& info) {
  const auto& [index, kind, stays] = info.param;
  return absl::StrCat(Cases()[index].name, kind == FaultKind::kShortWrite ? "ShortWrite" : "",
                      stays ? "Stays" : "Once");
}

INSTANTIATE_TEST_SUITE_P(All, StoreFaultTest,
                         testing::Combine(testing::Range<size_t>(0, Cases().size()),
                                          testing::Values(FaultKind::kFail, FaultKind::kShortWrite),
                                          testing::Bool()),
                         TestName);

}  // namespace
}  // namespace numpack::storage
