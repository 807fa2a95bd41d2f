// A store whose files are not mapped: writable memory is a copy that is written back, and one
// process at a time has the store, whatever the others can do.
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/backends/without_mappings.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/shared_state.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr char kBoot[] = "boot 1";

StoreOptions Options() {
  StoreOptions options;
  options.lock_wait = absl::ZeroDuration();
  return options;
}

std::shared_ptr<Store> Open(std::shared_ptr<Backend> backend) {
  auto store = Store::Open(std::move(backend), Options());
  EXPECT_EQ(store.status(), absl::OkStatus());
  return store.ok() ? *std::move(store) : nullptr;
}

class UnmappedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = Open(WithoutMappings(faulty_));
    ASSERT_NE(store_, nullptr);
    ASSERT_FALSE(store_->is_mapped());
    ASSERT_OK(PutBytes(*store_, "small", "old"));
    ASSERT_OK(PutBytes(*store_, "large", std::string(400'000, 'o')));
    ASSERT_OK(store_->Flush());
  }

  // What a process finds that comes after this one was killed.
  std::shared_ptr<Store> AfterKill() { return Open(CopyOf(*files_, kBoot)); }

  static void Put(const InPlaceMapping& mapping, absl::string_view bytes) {
    ASSERT_GE(mapping.region.size(), bytes.size());
    std::memcpy(mapping.region.data(), bytes.data(), bytes.size());
  }

  void FailWrites() {
    faulty_->Count([](const BackendCall& call) {
      return call.operation == BackendOperation::kWrite && absl::StartsWith(call.file, "segment.");
    });
    faulty_->FailFrom(1, absl::DataLossError("the device has died"), FaultKind::kShortWrite);
  }

  const std::shared_ptr<Backend> files_ = WithBootId(NewMemoryBackend(), kBoot);
  const std::shared_ptr<FaultInjectingBackend> faulty_ =
      std::make_shared<FaultInjectingBackend>(files_);
  std::shared_ptr<Store> store_;
};

TEST_F(UnmappedStoreTest, ChangesReachTheFileByWriteBackAndAtTheEnd) {
  for (const char* const name : {"small", "large"}) {
    const std::string old = *GetBytes(*store_, name);
    const auto with = [&old](absl::string_view bytes) {
      return std::string(bytes) + old.substr(bytes.size());
    };
    auto mapping = store_->BeginInPlace(name);
    ASSERT_OK(mapping.status());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(mapping->region.data()) % 64, 0u);
    Put(*mapping, "1");
    EXPECT_EQ(*GetBytes(*store_, name), old);
    ASSERT_OK(store_->WriteBack());
    EXPECT_EQ(*GetBytes(*store_, name), with("1"));
    Put(*mapping, "22");
    const auto killed = AfterKill();
    EXPECT_EQ(*GetBytes(*killed, name), with("1"));
    EXPECT_EQ(killed->Interrupted(), std::vector<std::string>{name});
    ASSERT_OK(store_->EndInPlace({Store::InPlaceEnd{name, "metadata"}}));
    EXPECT_EQ(*GetBytes(*store_, name), with("22"));
    EXPECT_EQ(*GetBytes(*AfterKill(), name), with("22"));
    EXPECT_TRUE(AfterKill()->Interrupted().empty());
  }
}

// Memory that somebody keeps must not come back over what was written after it.
TEST_F(UnmappedStoreTest, MemoryThatOutlivesItsEndIsNeverWritten) {
  auto kept = store_->BeginInPlace("large");
  ASSERT_OK(kept.status());
  ASSERT_OK(store_->EndInPlace({Store::InPlaceEnd{"large", ""}}));
  Put(*kept, "late");
  auto mapping = store_->BeginInPlace("large");
  ASSERT_OK(mapping.status());
  Put(*mapping, "new");
  ASSERT_OK(kept->region.Flush());
  ASSERT_OK(store_->WriteBack());
  ASSERT_OK(store_->EndInPlace({Store::InPlaceEnd{"large", ""}}));
  ASSERT_OK(kept->region.Flush());
  EXPECT_EQ(GetBytes(*store_, "large")->substr(0, 4), "newo");
}

TEST_F(UnmappedStoreTest, AFailedWriteBackLeavesTheArrayInterrupted) {
  auto mapping = store_->BeginInPlace("large");
  ASSERT_OK(mapping.status());
  Put(*mapping, std::string(400'000, 'n'));
  FailWrites();
  EXPECT_EQ(store_->EndInPlace({Store::InPlaceEnd{"large", ""}}).code(),
            absl::StatusCode::kDataLoss);
  faulty_->Heal();
  EXPECT_EQ(store_->Interrupted(), std::vector<std::string>{"large"});
  EXPECT_EQ(AfterKill()->Interrupted(), std::vector<std::string>{"large"});
  ASSERT_OK(PutBytes(*store_, "large", "saved"));
  ASSERT_OK(store_->WriteBack());
  EXPECT_EQ(AllContents(*AfterKill()), (Contents{{"small", "old"}, {"large", "saved"}}));
}

TEST_F(UnmappedStoreTest, AFailedWriteBackPublishesNoCopy) {
  auto large = store_->BeginCopy("large");
  auto small = store_->BeginCopy("small");
  ASSERT_OK(large.status());
  ASSERT_OK(small.status());
  Put(*large, "new");
  Put(*small, "new");
  FailWrites();
  EXPECT_EQ(
      store_->EndCopies({Store::InPlaceEnd{"small", ""}, Store::InPlaceEnd{"large", ""}}).code(),
      absl::StatusCode::kDataLoss);
  faulty_->Heal();
  EXPECT_EQ(*GetBytes(*store_, "small"), "old");
  EXPECT_EQ(*GetBytes(*AfterKill(), "large"), std::string(400'000, 'o'));
  EXPECT_TRUE(AfterKill()->Interrupted().empty());
}

TEST_F(UnmappedStoreTest, CopiesArePublishedTogether) {
  auto large = store_->BeginCopy("large");
  auto small = store_->BeginCopy("small");
  ASSERT_OK(large.status());
  ASSERT_OK(small.status());
  Put(*large, "new");
  Put(*small, "new");
  EXPECT_EQ(*GetBytes(*AfterKill(), "small"), "old");
  ASSERT_OK(store_->EndCopies({Store::InPlaceEnd{"small", ""}, Store::InPlaceEnd{"large", ""}}));
  EXPECT_EQ(*GetBytes(*AfterKill(), "small"), "new");
  EXPECT_EQ(GetBytes(*AfterKill(), "large")->substr(0, 4), "newo");
}

TEST_F(UnmappedStoreTest, OneProcessDoesNotHaveBothKinds) {
  EXPECT_EQ(Open(faulty_), store_) << "who may have mappings does without";
  ASSERT_OK(store_->CloseHandle());
  ASSERT_OK(store_->CloseHandle());
  store_ = nullptr;
  for (const bool read_only : {true, false}) {
    StoreOptions options = Options();
    options.read_only = read_only;
    auto mapped = Store::Open(faulty_, options);
    ASSERT_OK(mapped.status());
    EXPECT_TRUE((*mapped)->is_mapped());
    EXPECT_EQ(Store::Open(WithoutMappings(faulty_), options).status().code(),
              absl::StatusCode::kFailedPrecondition);
    ASSERT_OK((*mapped)->CloseHandle());
  }
}

// Two kinds of processes: those that share memory, and those that do not.
class MixedProcessesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(PutBytes(*Open(AsProcess(files_, "first")), "a", "old")); }

  absl::StatusOr<std::shared_ptr<Store>> TryOpen(bool shares_memory, bool read_only) {
    StoreOptions options = Options();
    options.read_only = read_only;
    return Store::Open(AsProcess(files_, std::to_string(++processes_), shares_memory), options);
  }

  const std::shared_ptr<Backend> files_ = NewMemoryBackend();
  int processes_ = 0;
};

TEST_F(MixedProcessesTest, ReadersOfBothKindsMeetAndWritersDoNot) {
  for (const bool first_shares : {true, false}) {
    for (const bool first_reads : {true, false}) {
      auto first = TryOpen(first_shares, first_reads);
      ASSERT_OK(first.status());
      for (const bool reads : {true, false}) {
        const absl::StatusCode expected =
            first_reads && reads ? absl::StatusCode::kOk : absl::StatusCode::kUnavailable;
        EXPECT_EQ(TryOpen(!first_shares, reads).status().code(), expected)
            << first_shares << first_reads << reads;
        // A writer in vain has not harmed it, nor has anybody kept a lock.
        EXPECT_EQ(*GetBytes(**first, "a"), "old");
      }
      for (const bool asks_sharing : {true, false}) {
        const auto backend = AsProcess(files_, "asks", asks_sharing);
        EXPECT_EQ(*SharedState::IsOpen(*backend, absl::ZeroDuration()), !first_reads);
      }
      if (!first_reads) {
        ASSERT_OK((*first)->CloseHandle());
      }
    }
  }
  for (const bool shares : {true, false}) ASSERT_OK(TryOpen(shares, /*read_only=*/false).status());
}

}  // namespace
}  // namespace numpack::storage
