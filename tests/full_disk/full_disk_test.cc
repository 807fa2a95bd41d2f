// Running out of space: ResourceExhausted with a message that names the array and says what to do.
// What was committed stays, through the handle and after it is opened again; nothing ends in a
// signal; and space that removed arrays leave can be used at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/numpack.h"
#include "tests/full_disk/disk.h"

namespace numpack::full_disk {
namespace {

constexpr char kBallast[] = "ballast";

StoreOptions Quiet() {
  StoreOptions options;
  options.background_sync = false;
  options.lock_wait = absl::ZeroDuration();
  return options;
}

std::vector<float> Ramp(size_t count, float first) {
  std::vector<float> values(count);
  for (float& value : values) value = first++;
  return values;
}

class FullDiskTest : public testing::TestWithParam<DiskKind> {
 protected:
  void SetUp() override {
    auto disk = MakeDisk(GetParam());
    if (absl::IsUnimplemented(disk.status())) GTEST_SKIP() << disk.status().message();
    ASSERT_EQ(disk.status(), absl::OkStatus());
    disk_ = *std::move(disk);
    auto directory = disk_->NewDirectory();
    ASSERT_EQ(directory.status(), absl::OkStatus());
    directory_ = *std::move(directory);
    // Made as long as there is room.
    auto other = disk_->NewDirectory();
    ASSERT_EQ(other.status(), absl::OkStatus());
    other_ = *std::move(other);
    Open();
    // One of each size: packed, with pages of its own, with a segment of its own.
    Keep("tiny", 10);
    Keep("pages", 20'000);
    Keep("large", 100'000);
    Keep("spare", 100'000);
    ASSERT_EQ(store_->Flush(), absl::OkStatus());
    // All the space there is within what was reserved ahead, so that what fails is what is tested.
    for (int i = 0; i < 1'000'000; ++i) {
      const std::string name = absl::StrCat("fill", i);
      if (!store_->Save(name, MakeView(filling_)).ok()) break;
      kept_.emplace_back(name, filling_);
      if (i == 0) FillDisk();
    }
  }

  void Open() {
    store_.reset();
    auto store = NumPack::Open(directory_, Quiet());
    ASSERT_EQ(store.status(), absl::OkStatus());
    store_ = *std::move(store);
  }

  void Keep(const std::string& name, size_t count) {
    const std::vector<float> values = Ramp(count, static_cast<float>(count));
    ASSERT_EQ(store_->Save(name, MakeView(values)), absl::OkStatus());
    kept_.emplace_back(name, values);
  }

  // With a file beside the store's, down to the last page.
  void FillDisk() {
    auto file = directory_->Open(kBallast, OpenMode::kCreate);
    ASSERT_EQ(file.status(), absl::OkStatus());
    uint64_t size = (*file)->Size().value_or(0);
    const std::vector<std::byte> bytes(4096, std::byte{1});
    for (uint64_t step = uint64_t{1} << 28; step >= 4096;) {
      if ((*file)->Reserve(size + step).ok()) {
        size += step;
      } else {
        step /= 2;
      }
    }
    // File systems that have still something left for those who write.
    while ((*file)->WriteAt(size, bytes).ok()) size += bytes.size();
  }
  void EmptyDisk() { ASSERT_EQ(directory_->Remove(kBallast), absl::OkStatus()); }

  void ExpectFull(absl::string_view array, const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("'", array, "'"))) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "remove arrays")) << status;
  }

  void ExpectKept() {
    EXPECT_EQ(store_->List().size(), kept_.size());
    for (const auto& [name, values] : kept_) {
      const auto array = store_->Load<float>(name);
      ASSERT_EQ(array.status(), absl::OkStatus());
      EXPECT_TRUE(std::equal(array->begin(), array->end(), values.begin(), values.end())) << name;
    }
    EXPECT_TRUE(store_->Interrupted().empty());
  }

  // As it is, after the store is opened again on the full disk, and when there is room again.
  void ExpectGoesOn() {
    ExpectKept();
    // What is removed makes room for as much, on the full disk.
    ASSERT_EQ(store_->Remove("spare"), absl::OkStatus());
    kept_.erase(std::find_if(kept_.begin(), kept_.end(),
                             [](const auto& kept) { return kept.first == "spare"; }));
    Keep("again", 90'000);
    ExpectKept();
    const absl::Status closed = store_->Close();
    EXPECT_TRUE(closed.ok() || absl::IsResourceExhausted(closed)) << closed;
    EmptyDisk();
    Open();
    ExpectKept();
    Keep("more", 200'000);
    ExpectKept();
    const auto report = Verify(*directory_);
    ASSERT_EQ(report.status(), absl::OkStatus());
    for (const Finding& finding : report->findings)
      EXPECT_EQ(finding.severity, Severity::kNote) << finding.what;
  }

  const std::vector<float> filling_ = Ramp(16'000, 0);
  const std::vector<float> big_ = Ramp(200'000, 7);
  std::unique_ptr<Disk> disk_;
  std::shared_ptr<Backend> directory_;
  std::shared_ptr<Backend> other_;  // on the same disk, but for memory; empty
  std::optional<NumPack> store_;
  std::vector<std::pair<std::string, std::vector<float>>> kept_;
};

TEST_P(FullDiskTest, Save) {
  ExpectFull("new", store_->Save("new", MakeView(big_)));
  ExpectFull("large", store_->Save("large", MakeView(big_)));
  ExpectGoesOn();
}

TEST_P(FullDiskTest, Append) {
  ExpectFull("large", store_->Append("large", MakeView(big_)));
  ExpectFull("pages", store_->Append("pages", MakeView(big_)));
  ExpectGoesOn();
}

TEST_P(FullDiskTest, BatchCommit) {
  auto batch = store_->BeginBatch();
  ASSERT_EQ(batch.status(), absl::OkStatus());
  auto tiny = batch->Load<float>("tiny");
  ASSERT_EQ(tiny.status(), absl::OkStatus());
  (*tiny)[0] = -1;
  ASSERT_EQ(batch->Save("tiny", *tiny), absl::OkStatus());
  ASSERT_EQ(batch->Save("new", *NewHeapArray(DType::kFloat32, {200'000})), absl::OkStatus());
  ExpectFull("new", batch->Flush());
  EXPECT_EQ(batch->DirtyNames().size(), 2u);
  ExpectFull("new", batch->Commit());
  ExpectGoesOn();
}

TEST_P(FullDiskTest, Spill) {
  BatchOptions options;
  options.memory_limit_bytes = 900'000;
  auto batch = store_->BeginBatch(options);
  ASSERT_EQ(batch.status(), absl::OkStatus());
  ASSERT_EQ(batch->Save("new", *NewHeapArray(DType::kFloat32, {200'000})), absl::OkStatus());
  // Room for this one takes spilling the other.
  ExpectFull("new", batch->Save("newer", *NewHeapArray(DType::kFloat32, {200'000})));
  EXPECT_EQ(batch->Discard(), absl::OkStatus());
  ExpectGoesOn();
}

// A packed array moves to pages of its own first.
TEST_P(FullDiskTest, WritableLoad) {
  {
    auto writable = store_->BeginWritable();
    ASSERT_EQ(writable.status(), absl::OkStatus());
    // What has its place already can be changed on a full disk.
    auto large = writable->Load<float>("large");
    ASSERT_EQ(large.status(), absl::OkStatus());
    (*large)[0] += 1;
    ASSERT_EQ(writable->Finish(), absl::OkStatus());
    for (auto& [name, kept] : kept_) {
      if (name == "large") kept[0] += 1;
    }
  }
  auto writable = store_->BeginWritable();
  ASSERT_EQ(writable.status(), absl::OkStatus());
  const auto tiny = writable->Load<float>("tiny");
  if (!tiny.ok()) ExpectFull("tiny", tiny.status());
  EXPECT_EQ(writable->Finish(), absl::OkStatus());
  ExpectGoesOn();
}

TEST_P(FullDiskTest, RowReplace) {
  std::vector<int64_t> rows(9'000);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  const std::vector<float> values = Ramp(rows.size(), -1e6F);
  const ArrayView view = *Erase(MakeView(values));
  // In place, until the log cannot grow any more.
  absl::Status status;
  int replaced = 0;
  for (; replaced < 1000 && status.ok(); ++replaced) {
    status = store_->ReplaceRows("large", rows, view);
    if (!status.ok()) break;
    for (auto& [name, kept] : kept_) {
      if (name == "large") std::copy(values.begin(), values.end(), kept.begin());
    }
  }
  ExpectFull("large", status);
  ExpectGoesOn();
}

TEST_P(FullDiskTest, LogGrowth) {
  const std::string name(500'000, 'n');
  const std::vector<float> none;
  ExpectFull(name, store_->Save(name, MakeView(none)));
  ExpectGoesOn();
}

TEST_P(FullDiskTest, Export) {
  if (GetParam() == DiskKind::kMemory) {
    // A disk of its own, with as little room, and yet empty.
    auto ballast = other_->Open(kBallast, OpenMode::kCreate);
    ASSERT_EQ(ballast.status(), absl::OkStatus());
    ASSERT_EQ((*ballast)->Reserve(kDiskBytes), absl::OkStatus());
    ASSERT_EQ(other_->Rename(kBallast, "folder/ballast"), absl::OkStatus());
  }
  const absl::Status status = ExportV1(*store_, *other_);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "array '")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "remove arrays")) << status;
  EXPECT_TRUE(other_->List()->empty());
  ExpectGoesOn();
}

// What the processes share is reserved before it is used: a full disk is an error, not a signal.
TEST_P(FullDiskTest, OpeningOnAFullDisk) {
  store_.reset();
  FillDisk();
  auto store = NumPack::Open(directory_, Quiet());
  if (!store.ok()) {
    EXPECT_EQ(store.status().code(), absl::StatusCode::kResourceExhausted) << store.status();
    EXPECT_TRUE(absl::StrContains(store.status().message(), "remove arrays")) << store.status();
  }
  EmptyDisk();
  Open();
  FillDisk();
  ExpectGoesOn();
}

TEST_P(FullDiskTest, ANewStoreOnAFullDisk) {
  if (GetParam() == DiskKind::kMemory) {
    auto ballast = other_->Open(kBallast, OpenMode::kCreate);
    ASSERT_EQ(ballast.status(), absl::OkStatus());
    ASSERT_EQ((*ballast)->Reserve(kDiskBytes), absl::OkStatus());
  }
  const absl::Status status = NumPack::Open(other_, Quiet()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "remove arrays")) << status;
  if (GetParam() == DiskKind::kMemory) {
    ASSERT_EQ(other_->Remove(kBallast), absl::OkStatus());
  } else {
    EmptyDisk();
  }
  {
    auto again = NumPack::Open(other_, Quiet());
    ASSERT_EQ(again.status(), absl::OkStatus());
    EXPECT_EQ(again->Save("a", MakeView(filling_)), absl::OkStatus());
    EXPECT_EQ(again->Clear(), absl::OkStatus());
  }
  FillDisk();
  ExpectGoesOn();
}

std::string NameOf(const testing::TestParamInfo<DiskKind>& info) {
  switch (info.param) {
    case DiskKind::kMemory:
      return "Memory";
    case DiskKind::kTmpfs:
      return "Tmpfs";
    case DiskKind::kGiven:
      break;
  }
  return "Given";
}

INSTANTIATE_TEST_SUITE_P(All, FullDiskTest,
                         testing::Values(DiskKind::kMemory, DiskKind::kTmpfs, DiskKind::kGiven),
                         NameOf);

}  // namespace
}  // namespace numpack::full_disk
