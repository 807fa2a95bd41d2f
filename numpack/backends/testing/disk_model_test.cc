#include "numpack/backends/testing/disk_model.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/recording_backend.h"

namespace numpack {
namespace {

using Files = std::map<std::string, std::string>;

// Always the same answers.
class Same : public CrashChoices {
 public:
  Same(bool new_bytes, bool new_sizes, bool happened, size_t cut = DiskModel::kSectorBytes)
      : new_bytes_(new_bytes), new_sizes_(new_sizes), happened_(happened), cut_(cut) {}
  Sector PickSector(absl::string_view, uint64_t,
                    const std::vector<std::string>& versions) override {
    ++sectors;
    const size_t newest = versions.size() - 1;
    return new_bytes_ ? Sector{newest, 0, cut_} : Sector{0, newest, cut_};
  }
  size_t PickSize(absl::string_view, size_t versions) override {
    return new_sizes_ ? versions - 1 : 0;
  }
  bool PickHappened(const RecordedCall&) override { return happened_; }

  int sectors = 0;

 private:
  const bool new_bytes_, new_sizes_, happened_;
  const size_t cut_;
};

class DiskModelTest : public testing::Test {
 protected:
  void Write(absl::string_view name, uint64_t offset, absl::string_view text) {
    const auto file = backend_.Open(name, OpenMode::kCreate);
    ASSERT_EQ(file.status(), absl::OkStatus());
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    ASSERT_EQ((*file)->WriteAt(offset, absl::MakeConstSpan(data, text.size())), absl::OkStatus());
  }
  void Sync(absl::string_view name) {
    ASSERT_EQ((*backend_.Open(name, OpenMode::kReadWrite))->Sync(), absl::OkStatus());
  }

  DiskModel Disk() const {
    DiskModel disk;
    for (const RecordedCall& call : backend_.calls()) disk.Apply(call);
    return disk;
  }
  static Files Contents(const DiskModel& disk) {
    const std::shared_ptr<Backend> backend = NewMemoryBackend();
    EXPECT_EQ(disk.WriteTo(*backend), absl::OkStatus());
    Files files;
    const auto names = backend->List();
    for (const std::string& name : *names) {
      const auto file = backend->Open(name, OpenMode::kReadOnly);
      std::string bytes(*(*file)->Size(), '?');
      auto* const data = reinterpret_cast<std::byte*>(bytes.data());
      EXPECT_EQ((*file)->ReadAt(0, absl::MakeSpan(data, bytes.size())), absl::OkStatus());
      files[name] = bytes;
    }
    return files;
  }
  Files After(Same choices) const { return Contents(Disk().AfterRestart(choices)); }

  RecordingBackend backend_{NewMemoryBackend(), "boot"};
};

TEST_F(DiskModelTest, AKilledProcessLeavesAllThatItDid) {
  Write("a", 0, "first");
  Write("a", 1000, "second");
  Write("b", 0, "b");
  ASSERT_EQ(backend_.Rename("b", "c"), absl::OkStatus());
  DiskModel disk = Disk();
  std::string a = "first" + std::string(995, '\0') + "second";
  EXPECT_EQ(Contents(disk), (Files{{"a", a}, {"c", "b"}}));
  RecordedCall cut = backend_.calls()[1];
  cut.bytes = "FIRST";
  disk.ApplyPartly(cut, 2);
  a.replace(0, 2, "FI");
  EXPECT_EQ(Contents(disk), (Files{{"a", a}, {"c", "b"}}));
}

TEST_F(DiskModelTest, WhatWasSyncedIsThereAndWhatWasNotMayBe) {
  Write("a", 0, "old");
  Sync("a");
  EXPECT_EQ(After(Same(true, true, false)), Files());
  ASSERT_EQ(backend_.SyncDirectory(), absl::OkStatus());
  Write("a", 0, "new");
  Write("a", 600, "more");
  EXPECT_EQ(After(Same(false, false, false)), (Files{{"a", "old"}}));
  EXPECT_EQ(After(Same(true, false, false)), (Files{{"a", "new"}}));
  EXPECT_EQ(After(Same(false, true, false)), (Files{{"a", "old" + std::string(601, '\0')}}));
  EXPECT_EQ(After(Same(true, true, false)),
            (Files{{"a", "new" + std::string(597, '\0') + "more"}}));
  EXPECT_EQ(After(Same(true, false, false, /*cut=*/1)), (Files{{"a", "nld"}}));
  EXPECT_EQ(After(Same(false, false, false, /*cut=*/1)), (Files{{"a", "oew"}}));
  Sync("a");
  Same nothing_new(false, false, false);
  EXPECT_EQ(Contents(Disk().AfterRestart(nothing_new)), Contents(Disk()));
  EXPECT_EQ(nothing_new.sectors, 0);
}

TEST_F(DiskModelTest, NamesComeAndGoWithTheDirectory) {
  Write("a", 0, "1");
  Write("b", 0, "2");
  Sync("a");
  Sync("b");
  ASSERT_EQ(backend_.SyncDirectory(), absl::OkStatus());
  ASSERT_EQ(backend_.Remove("a"), absl::OkStatus());
  ASSERT_EQ(backend_.Rename("b", "a"), absl::OkStatus());
  Write("c", 0, "3");
  Sync("c");
  EXPECT_EQ(After(Same(true, true, true)), (Files{{"a", "2"}, {"c", "3"}}));
  EXPECT_EQ(After(Same(true, true, false)), (Files{{"a", "1"}, {"b", "2"}}));
  // Each may have happened without the others.
  class Only : public Same {
   public:
    explicit Only(std::string what) : Same(true, true, true), what_(std::move(what)) {}
    bool PickHappened(const RecordedCall& call) override { return Describe(call) == what_; }
    const std::string what_;
  };
  Only renamed("rename b to a"), removed("remove a"), created("create c");
  EXPECT_EQ(Contents(Disk().AfterRestart(renamed)), (Files{{"a", "2"}}));
  EXPECT_EQ(Contents(Disk().AfterRestart(removed)), (Files{{"b", "2"}}));
  EXPECT_EQ(Contents(Disk().AfterRestart(created)), (Files{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
}

TEST_F(DiskModelTest, WhatIsCutOffReadsAsZeroWhenTheFileGrowsAgain) {
  Write("a", 0, "abcdef");
  Sync("a");
  ASSERT_EQ(backend_.SyncDirectory(), absl::OkStatus());
  ASSERT_EQ((*backend_.Open("a", OpenMode::kReadWrite))->Truncate(2), absl::OkStatus());
  ASSERT_EQ((*backend_.Open("a", OpenMode::kReadWrite))->Reserve(4), absl::OkStatus());
  const std::string cut("ab\0\0", 4);
  EXPECT_EQ(Contents(Disk()), (Files{{"a", cut}}));
  EXPECT_EQ(After(Same(true, true, true)), (Files{{"a", cut}}));
  EXPECT_EQ(After(Same(false, false, true)), (Files{{"a", "abcdef"}}));
}

// A killed process's successor goes on with what is not synced yet.
TEST_F(DiskModelTest, AnotherRecordingGoesOn) {
  DiskModel disk;
  disk.AddDurable("a", "old");
  const RecordedCall found = {RecordedCall::Kind::kExisting, 7, "a", "", 0, ""};
  disk.Apply(found);
  disk.Apply({RecordedCall::Kind::kWrite, 7, "a", "", 0, "new"});
  disk.StartRecording();
  disk.Apply({RecordedCall::Kind::kExisting, 0, "a", "", 0, ""});
  disk.Apply({RecordedCall::Kind::kWrite, 0, "a", "", 1, "X"});
  Same lost(false, false, false), kept(true, true, true);
  EXPECT_EQ(Contents(disk.AfterRestart(lost)), (Files{{"a", "old"}}));
  EXPECT_EQ(Contents(disk.AfterRestart(kept)), (Files{{"a", "nXw"}}));
}

}  // namespace
}  // namespace numpack
