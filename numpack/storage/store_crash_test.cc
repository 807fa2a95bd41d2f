// Crashes that tests/crash:replay has found something in, one by one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/disk_model.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/backends/testing/recording_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

// After a restart: all sectors old or all new, and which changes of names have happened.
class Left final : public CrashChoices {
 public:
  Left(bool new_bytes, std::function<bool(const RecordedCall&)> happened)
      : new_bytes_(new_bytes), happened_(std::move(happened)) {}
  Sector PickSector(absl::string_view, uint64_t,
                    const std::vector<std::string>& versions) override {
    const size_t version = new_bytes_ ? versions.size() - 1 : 0;
    return {version, version, DiskModel::kSectorBytes};
  }
  size_t PickSize(absl::string_view, size_t versions) override { return versions - 1; }
  bool PickHappened(const RecordedCall& call) override { return happened_(call); }

 private:
  const bool new_bytes_;
  const std::function<bool(const RecordedCall&)> happened_;
};

bool All(const RecordedCall&) { return true; }

class StoreCrashTest : public testing::Test {
 protected:
  // A process that opens what is on the disk.
  void Start(const DiskModel& disk, const std::string& boot) {
    disk_ = disk;
    disk_.StartRecording();
    const std::shared_ptr<Backend> memory = NewMemoryBackend();
    ASSERT_OK(disk.WriteTo(*memory));
    recording_ = std::make_shared<RecordingBackend>(memory, boot);
    faulty_ = std::make_shared<FaultInjectingBackend>(recording_);
    StoreOptions options;
    options.background_sync = false;
    options.min_log_bytes = 4000;
    auto store = Store::Open(faulty_, options);
    ASSERT_OK(store.status());
    store_ = *std::move(store);
  }
  void SetUp() override { Start(DiskModel(), "boot 1"); }

  // The disk when the process has made so many calls.
  DiskModel Disk(size_t calls) const {
    DiskModel disk = disk_;
    const std::vector<RecordedCall> made = recording_->calls();
    for (size_t i = 0; i < calls; ++i) disk.Apply(made[i]);
    return disk;
  }
  DiskModel Disk() const { return Disk(recording_->size()); }
  // The log is longer than it may be, and so it is changed.
  absl::Status PutAndChangeLog() { return PutBytes(*store_, std::string(5000, 'n'), "named"); }

  DiskModel disk_;
  std::shared_ptr<RecordingBackend> recording_;
  std::shared_ptr<FaultInjectingBackend> faulty_;
  std::shared_ptr<Store> store_;
};

// A commit during a flush supersedes what the flush is making durable. The process that finds both
// in the log must not use that space again: the machine may stop before the next flush.
TEST_F(StoreCrashTest, WhatIsSupersededDuringAFlushStaysAfterAKill) {
  const std::string old_bytes(500, '1'), new_bytes(500, '2');
  ASSERT_OK(PutBytes(*store_, "a", old_bytes));
  bool committed = false;
  recording_->SetHook([&](const RecordedCall& call) {
    if (committed || call.kind != RecordedCall::Kind::kSync ||
        !absl::StartsWith(call.name, "segment.")) {
      return;
    }
    committed = true;
    EXPECT_EQ(PutBytes(*store_, "a", new_bytes), absl::OkStatus());
  });
  ASSERT_OK(store_->Flush());
  ASSERT_TRUE(committed);

  Start(Disk(), "boot 1");
  EXPECT_EQ(AllContents(*store_), (Contents{{"a", new_bytes}}));
  ASSERT_OK(PutBytes(*store_, "b", std::string(500, '3')));
  Left everything(/*new_bytes=*/true, All);
  Start(Disk().AfterRestart(everything), "boot 2");
  EXPECT_EQ(AllContents(*store_), (Contents{{"a", old_bytes}}));
}

// Killed while it wiped out what another killed process had not finished, or afterwards.
TEST_F(StoreCrashTest, ATornTailThatIsBeingWipedStaysTorn) {
  ASSERT_OK(PutBytes(*store_, "a", "first"));
  const size_t before = recording_->size();
  const std::string name(300, 'n');
  ASSERT_OK(PutBytes(*store_, name, "second"));
  const std::vector<RecordedCall> calls = recording_->calls();
  size_t record = before;
  while (calls[record].kind != RecordedCall::Kind::kWrite ||
         !absl::StartsWith(calls[record].name, "log.")) {
    ++record;
  }
  for (size_t cut = 1; cut < calls[record].bytes.size(); cut += 29) {
    SetUp();
    ASSERT_OK(PutBytes(*store_, "a", "first"));
    ASSERT_OK(PutBytes(*store_, name, "second"));
    DiskModel torn = Disk(record);
    torn.ApplyPartly(recording_->calls()[record], cut);
    Start(torn, "boot 1");
    const std::vector<RecordedCall> opening = recording_->calls();
    DiskModel disk = disk_;
    for (const RecordedCall& call : opening) {
      const size_t length = call.kind == RecordedCall::Kind::kWrite ? call.bytes.size() : 0;
      for (size_t part = 1; part < std::min<size_t>(length, 130); ++part) {
        DiskModel killed = disk;
        killed.ApplyPartly(call, part);
        const std::shared_ptr<Backend> memory = NewMemoryBackend();
        ASSERT_OK(killed.WriteTo(*memory));
        const auto store = Store::Open(WithBootId(memory, "boot 1"), StoreOptions());
        ASSERT_OK(store.status()) << cut << ", then " << Describe(call) << " up to " << part;
        EXPECT_EQ(AllContents(**store), (Contents{{"a", "first"}}));
      }
      disk.Apply(call);
    }
    Start(disk, "boot 1");
    EXPECT_EQ(AllContents(*store_), (Contents{{"a", "first"}}));
    // A shorter record leaves nothing of it behind itself.
    ASSERT_OK(PutBytes(*store_, "b", "third"));
    Start(Disk(), "boot 1");
    EXPECT_EQ(AllContents(*store_), (Contents{{"a", "first"}, {"b", "third"}}));
  }
}

// Its maker was killed before it was synced; whoever finds it must not seal it before it is.
TEST_F(StoreCrashTest, AFoundLogIsSyncedBeforeTheOldOneGoes) {
  ASSERT_OK(PutBytes(*store_, "a", "alpha"));
  ASSERT_OK(PutAndChangeLog());
  const std::vector<RecordedCall> calls = recording_->calls();
  size_t sync = 0;
  while (calls[sync].kind != RecordedCall::Kind::kSync || calls[sync].name != "log.2") ++sync;
  const Contents expected = AllContents(*store_);
  Start(Disk(sync), "boot 1");
  EXPECT_EQ(AllContents(*store_), expected);
  Left left(/*new_bytes=*/false, All);
  Start(Disk().AfterRestart(left), "boot 2");
  EXPECT_EQ(AllContents(*store_), expected);
}

// Of segments all that was ever written has reached the disk, of the log what was synced.
class SegmentsReachTheDisk final : public CrashChoices {
 public:
  Sector PickSector(absl::string_view file, uint64_t,
                    const std::vector<std::string>& versions) override {
    const size_t version = absl::StartsWith(file, "segment.") ? versions.size() - 1 : 0;
    return {version, version, DiskModel::kSectorBytes};
  }
  size_t PickSize(absl::string_view, size_t versions) override { return versions - 1; }
  bool PickHappened(const RecordedCall&) override { return true; }
};

// The writer was killed before it had synced what restores the flushed bytes. Who finishes its work
// loses them, unless the log is synced first.
TEST_F(StoreCrashTest, WhatAKilledWriterLoggedIsDurableBeforeItIsFinished) {
  const std::string old_bytes(70'000, 'o');
  ASSERT_OK(PutBytes(*store_, "a", old_bytes));
  ASSERT_OK(store_->Flush());
  const size_t flushed = recording_->size();
  ASSERT_TRUE(*RewriteBytes(*store_, "a", 1000, std::string(1000, 'n')));
  const std::vector<RecordedCall> calls = recording_->calls();
  size_t sync = flushed;
  while (calls[sync].kind != RecordedCall::Kind::kSync || calls[sync].name != "log.1") ++sync;
  const Contents expected = AllContents(*store_);
  Start(Disk(sync), "boot 1");
  EXPECT_TRUE(AllContents(*store_) == expected);
  SegmentsReachTheDisk left;
  Start(Disk().AfterRestart(left), "boot 2");
  EXPECT_TRUE(AllContents(*store_) == (Contents{{"a", old_bytes}}));
}

// Its pages were written by a process that is gone, and perhaps not to the disk.
TEST_F(StoreCrashTest, AnAcknowledgedArrayIsDurableAsItIs) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(70'000, 'o')));
  ASSERT_OK(store_->Flush());
  {
    auto mapping = store_->BeginInPlace("a");
    ASSERT_OK(mapping.status());
    std::memset(mapping->region.data() + 1000, 'n', 3000);
  }
  Start(Disk(), "boot 1");
  ASSERT_EQ(store_->Interrupted(), std::vector<std::string>{"a"});
  const Contents found = AllContents(*store_);
  ASSERT_OK(store_->AcknowledgeInterrupted("a"));
  Left left(/*new_bytes=*/false, All);
  Start(Disk().AfterRestart(left), "boot 2");
  EXPECT_EQ(store_->Interrupted(), std::vector<std::string>());
  EXPECT_EQ(AllContents(*store_), found);
}

// A new log whose directory entry could not be synced is removed. If the removal is what a restart
// forgets, it would count before the log that is in use.
TEST_F(StoreCrashTest, ANewLogThatFailedDoesNotComeBack) {
  ASSERT_OK(PutBytes(*store_, "a", "alpha"));
  ASSERT_OK(store_->Flush());
  faulty_->Count(
      [](const BackendCall& call) { return call.operation == BackendOperation::kSyncDirectory; });
  faulty_->FailAt(1, absl::DataLossError("injected"));
  ASSERT_OK(PutAndChangeLog());
  ASSERT_EQ(faulty_->faults(), 1);
  faulty_->Heal();
  ASSERT_OK(PutBytes(*store_, "a", "beta"));
  ASSERT_OK(store_->Flush());
  const Contents expected = AllContents(*store_);
  Left left(/*new_bytes=*/true,
            [](const RecordedCall& call) { return call.kind == RecordedCall::Kind::kCreate; });
  Start(Disk().AfterRestart(left), "boot 2");
  EXPECT_EQ(AllContents(*store_), expected);
}

// Closing cuts segments to what the barrier needs, which is durable then. Its seal may be not.
TEST_F(StoreCrashTest, WhatWasCutOffAfterTheLastBarrierIsNotMissed) {
  ASSERT_OK(PutBytes(*store_, "gone", std::string(1000, 'g')));
  ASSERT_OK(PutBytes(*store_, "a", "alpha"));
  ASSERT_OK(PutBytes(*store_, "large", std::string(70'000, 'l')));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(RemoveName(*store_, "large"));
  ASSERT_OK(RemoveName(*store_, "gone"));
  ASSERT_OK(store_->CloseHandle());
  Left left(/*new_bytes=*/false, All);
  Start(Disk().AfterRestart(left), "boot 2");
  EXPECT_EQ(AllContents(*store_), (Contents{{"a", "alpha"}}));
  EXPECT_EQ(store_->stats().limbo_bytes, 0u) << "nothing older can come back";
}

// A log that says nothing but its checkpoint was made by a change of logs.
TEST_F(StoreCrashTest, WhatARestartHasFoundIsNotOverwrittenBeforeTheNextBarrier) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(1000, 'a')));
  ASSERT_OK(PutAndChangeLog());
  const Contents expected = AllContents(*store_);
  Left all(/*new_bytes=*/true, All);
  Start(Disk().AfterRestart(all), "boot 2");
  for (const char c : {'b', 'c', 'd'}) ASSERT_OK(PutBytes(*store_, "a", std::string(1000, c)));
  class NoLogs final : public CrashChoices {
   public:
    Sector PickSector(absl::string_view file, uint64_t,
                      const std::vector<std::string>& versions) override {
      const size_t version = absl::StartsWith(file, "log.") ? 0 : versions.size() - 1;
      return {version, version, DiskModel::kSectorBytes};
    }
    size_t PickSize(absl::string_view, size_t versions) override { return versions - 1; }
    bool PickHappened(const RecordedCall&) override { return true; }
  } no_logs;
  Start(Disk().AfterRestart(no_logs), "boot 3");
  EXPECT_EQ(AllContents(*store_), expected);
}

TEST_F(StoreCrashTest, ANewLogThatCannotBeSurelyRemovedEndsAllChanges) {
  ASSERT_OK(PutBytes(*store_, "a", "alpha"));
  ASSERT_OK(store_->Flush());
  faulty_->Count(
      [](const BackendCall& call) { return call.operation == BackendOperation::kSyncDirectory; });
  faulty_->FailFrom(1, absl::DataLossError("injected"));
  ASSERT_OK(PutAndChangeLog());
  faulty_->Heal();
  EXPECT_EQ(PutBytes(*store_, "a", "beta").code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace numpack::storage
