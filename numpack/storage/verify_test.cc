// Every kind of damage is found and named, nothing is changed by looking, and what checks out can
// be saved.
#include "numpack/storage/verify.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/crc/crc32c.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/base/codec.h"
#include "numpack/storage/finding.h"
#include "numpack/storage/options.h"
#include "numpack/storage/record.h"
#include "numpack/storage/repair.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

using Files = std::map<std::string, std::string>;

constexpr char kBoot[] = "boot 1";
constexpr char kOtherBoot[] = "boot 2";

absl::Status NothingToCheck(const StoredArray&) { return absl::OkStatus(); }

std::shared_ptr<Backend> BackendOf(const Files& files, const char* boot = kBoot) {
  std::shared_ptr<Backend> backend = NewMemoryBackend();
  for (const auto& [name, bytes] : files) WriteFile(*backend, name, bytes);
  return WithBootId(std::move(backend), boot);
}

// Verifies and makes sure that nothing was changed.
VerifyReport Look(Backend& backend) {
  const Files before = ReadAllFiles(backend);
  const auto report = Verify(backend, NothingToCheck);
  EXPECT_EQ(report.status(), absl::OkStatus());
  EXPECT_EQ(ReadAllFiles(backend), before);
  return report.value_or(VerifyReport());
}

// The finding that names `file` and says `what`, or null.
const Finding* FindIn(const VerifyReport& report, absl::string_view file, absl::string_view what) {
  for (const Finding& finding : report.findings) {
    if (finding.file == file && absl::StrContains(finding.what, what)) return &finding;
  }
  return nullptr;
}

std::string Said(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings)
    absl::StrAppend(&text, finding.file, ": ", finding.array, ": ", finding.what, "\n");
  return text;
}

class VerifyTest : public testing::Test {
 protected:
  // A store of three small arrays and a large one, closed.
  void SetUp() override {
    const std::shared_ptr<Backend> backend = WithBootId(NewMemoryBackend(), kBoot);
    StoreOptions options;
    options.background_sync = false;
    const auto store = Store::Open(backend, options);
    ASSERT_OK(store.status());
    for (const char* name : {"a", "b", "c"}) {
      contents_[name] = absl::StrCat("contents of ", name);
      ASSERT_OK(PutBytes(**store, name, contents_[name]));
      after_[name] = static_cast<size_t>((*store)->stats().log_bytes);
    }
    contents_["large"] = std::string(1'000'000, 'l');
    ASSERT_OK(PutBytes(**store, "large", contents_["large"]));
    after_["large"] = static_cast<size_t>((*store)->stats().log_bytes);
    killed_ = ReadAllFiles(*backend);
    ASSERT_OK((*store)->CloseHandle());
    files_ = ReadAllFiles(*backend);
    ASSERT_TRUE(files_.count("log.1") == 1 && files_.count("segment.1") == 1);
  }

  // What Repair saves, into a fresh directory, and leaves `from` alone.
  Contents Saved(const std::shared_ptr<Backend>& from, RepairReport* report = nullptr) {
    const Files before = ReadAllFiles(*from);
    const std::shared_ptr<Backend> to = WithBootId(NewMemoryBackend(), kBoot);
    const auto repaired = Repair(*from, to, NothingToCheck);
    EXPECT_EQ(repaired.status(), absl::OkStatus());
    EXPECT_EQ(ReadAllFiles(*from), before);
    if (!repaired.ok()) return {};
    if (report != nullptr) *report = *repaired;
    EXPECT_TRUE(Look(*to).clean());
    const auto store = Store::Open(to, StoreOptions{});
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? AllContents(**store) : Contents();
  }

  Contents Without(const std::vector<std::string>& names) const {
    Contents rest = contents_;
    for (const std::string& name : names) rest.erase(name);
    return rest;
  }

  Contents contents_;
  std::map<std::string, size_t> after_;  // the log's length after that array was put
  Files killed_;                         // as a killed process leaves them
  Files files_;
};

TEST_F(VerifyTest, ASoundStoreHasNoFindings) {
  for (const char* boot : {kBoot, kOtherBoot}) {
    const VerifyReport report = Look(*BackendOf(files_, boot));
    EXPECT_TRUE(report.findings.empty()) << Said(report);
    EXPECT_EQ(report.arrays, 4u);
    EXPECT_EQ(report.array_bytes, 39 + 1'000'000u);
    EXPECT_GT(report.records, 5u);
    EXPECT_FALSE(report.in_use);
  }
  RepairReport repaired;
  EXPECT_EQ(Saved(BackendOf(files_), &repaired), contents_);
  EXPECT_EQ(repaired.saved, (std::vector<std::string>{"a", "b", "c", "large"}));
  EXPECT_TRUE(repaired.lost.empty() && repaired.doubtful.empty());
}

TEST_F(VerifyTest, NoStoreIsNotFound) {
  EXPECT_EQ(Verify(*NewMemoryBackend(), NothingToCheck).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Repair(*NewMemoryBackend(), NewMemoryBackend(), NothingToCheck).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(VerifyTest, WhatAKilledProcessLeavesIsSound) {
  const VerifyReport same = Look(*BackendOf(killed_));
  EXPECT_TRUE(same.clean()) << Said(same);
  EXPECT_EQ(same.arrays, 4u);
  // After a restart of the machine the changes behind the last barrier are gone, as at the next
  // open.
  const VerifyReport restarted = Look(*BackendOf(killed_, kOtherBoot));
  EXPECT_TRUE(restarted.clean()) << Said(restarted);
  EXPECT_EQ(restarted.arrays, 0u);
  EXPECT_NE(FindIn(restarted, "log.1", "not durable"), nullptr) << Said(restarted);
}

TEST_F(VerifyTest, AnUnfinishedRecordIsANote) {
  Files files = killed_;
  std::string& log = files["log.1"];
  std::fill(log.begin() + static_cast<std::ptrdiff_t>(after_["large"]) - 20, log.end(), '\0');
  const VerifyReport report = Look(*BackendOf(files));
  EXPECT_TRUE(report.clean()) << Said(report);
  const Finding* finding = FindIn(report, "log.1", "never finished");
  ASSERT_NE(finding, nullptr) << Said(report);
  EXPECT_EQ(finding->offset, after_["c"]);
  EXPECT_EQ(report.arrays, 3u);
}

TEST_F(VerifyTest, EveryByteOfTheLogCounts) {
  const size_t end = files_["log.1"].find_last_not_of('\0') + 1;
  for (size_t at = 0; at < end; at += 3) {
    Files files = files_;
    files["log.1"][at] = static_cast<char>(files["log.1"][at] ^ 0x10);
    // The last seal may be a write that was never finished.
    if (at >= end - kRecordHeaderBytes - kRecordTrailerBytes) continue;
    const VerifyReport report = Look(*BackendOf(files));
    EXPECT_FALSE(report.clean()) << "byte " << at;
    for (const Finding& finding : report.findings) {
      if (finding.severity == Severity::kNote) continue;
      EXPECT_EQ(finding.file, "log.1") << at;
      EXPECT_FALSE(finding.remedy.empty()) << at;
    }
  }
}

// Every 32 bytes the header of a record that reaches to the end, and is not sound. To sum all of
// them would take minutes.
TEST_F(VerifyTest, AHostileLogIsLookedThroughInBoundedTime) {
  constexpr size_t kBytes = size_t{16} << 20;
  std::string log = files_["log.1"].substr(0, after_["large"]);
  const std::string header_mark = log.substr(kRecordHeaderBytes - 4, 4);
  const std::string trailer_mark = log.substr(log.size() - 4);
  log.append(64, 'x');
  for (size_t left = kBytes; left >= kRecordHeaderBytes; left -= kRecordHeaderBytes) {
    const auto length = static_cast<uint32_t>(left + kRecordTrailerBytes);
    std::string header;
    Encoder encoder(&header);
    encoder.U32(length);
    encoder.U32(static_cast<uint32_t>(RecordKind::kCommit));
    encoder.U64(1000);
    encoder.U32(0);
    encoder.U32(length - kRecordHeaderBytes - kRecordTrailerBytes);
    encoder.U32(static_cast<uint32_t>(absl::ComputeCrc32c(header)));
    log += header + header_mark;
  }
  log += std::string(4, '\0') + trailer_mark;
  Files files = files_;
  files["log.1"] = log;
  EXPECT_FALSE(Look(*BackendOf(files)).clean());
}

TEST_F(VerifyTest, ADamagedRecordLosesWhatItSaid) {
  Files files = files_;
  files["log.1"][after_["b"] - 50] ^= 1;
  const VerifyReport report = Look(*BackendOf(files));
  const Finding* finding = FindIn(report, "log.1", "lost");
  ASSERT_NE(finding, nullptr) << Said(report);
  EXPECT_EQ(finding->severity, Severity::kError);
  EXPECT_EQ(finding->offset, after_["a"]);
  RepairReport repaired;
  EXPECT_EQ(Saved(BackendOf(files), &repaired), Without({"b"}));
  // The lost record may have replaced "a"; what came later is certain.
  ASSERT_EQ(repaired.doubtful.size(), 1u);
  EXPECT_EQ(repaired.doubtful[0].name, "a");
}

TEST_F(VerifyTest, WithoutItsBeginningALogStillHasItsCommits) {
  Files files = files_;
  files["log.1"][9] ^= 1;
  const VerifyReport report = Look(*BackendOf(files));
  EXPECT_NE(FindIn(report, "log.1", "no readable beginning"), nullptr) << Said(report);
  EXPECT_EQ(Saved(BackendOf(files)), contents_);
}

TEST_F(VerifyTest, WithoutALogNothingHasAName) {
  Files files = files_;
  files.erase("log.1");
  const VerifyReport report = Look(*BackendOf(files));
  EXPECT_NE(FindIn(report, "log.1", "no commit log"), nullptr) << Said(report);
  EXPECT_EQ(Saved(BackendOf(files)), Contents());
}

TEST_F(VerifyTest, LostAndShortSegmentsLoseTheirArraysOnly) {
  Files files = files_;
  files.erase("segment.2");
  const VerifyReport report = Look(*BackendOf(files));
  const Finding* finding = FindIn(report, "segment.2", "missing");
  ASSERT_NE(finding, nullptr) << Said(report);
  EXPECT_EQ(finding->array, "large");
  RepairReport repaired;
  EXPECT_EQ(Saved(BackendOf(files), &repaired), Without({"large"}));
  ASSERT_EQ(repaired.lost.size(), 1u);
  EXPECT_EQ(repaired.lost[0].name, "large");
  EXPECT_TRUE(absl::StrContains(repaired.lost[0].why, "segment.2"));

  files = files_;
  files["segment.1"].resize(100);  // "a" lies at 0, "b" at 64
  EXPECT_NE(FindIn(Look(*BackendOf(files)), "segment.1", "ends at byte 100"), nullptr);
  EXPECT_EQ(Saved(BackendOf(files)), Without({"c"}));
}

TEST_F(VerifyTest, LeftoversAreListed) {
  Files files = files_;
  files["notes.txt"] = "mine";
  files["segment.77"] = "unused";
  files["head"] = "h";
  files["slot.0"] = "s";
  files["log.0"] = files["log.1"];
  const VerifyReport report = Look(*BackendOf(files));
  EXPECT_TRUE(report.clean()) << Said(report);
  for (const char* name : {"notes.txt", "segment.77", "head", "slot.0", "log.0"})
    EXPECT_NE(FindIn(report, name, ""), nullptr) << name;
  files = files_;
  files["log.2"] = files["log.1"].substr(0, 50);
  const VerifyReport unfinished = Look(*BackendOf(files));
  EXPECT_TRUE(unfinished.clean()) << Said(unfinished);
  EXPECT_NE(FindIn(unfinished, "log.2", "never finished"), nullptr);
}

TEST_F(VerifyTest, InterruptedArraysAreReported) {
  const std::shared_ptr<Backend> backend = BackendOf(files_);
  const auto store = Store::Open(backend, StoreOptions{});
  ASSERT_OK(store.status());
  const auto mapping = (*store)->BeginInPlace("b");
  ASSERT_OK(mapping.status());
  const std::shared_ptr<Backend> killed = CopyOf(*backend, kBoot);
  const VerifyReport report = Look(*killed);
  EXPECT_FALSE(report.clean());
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [](const Finding& f) { return f.array == "b"; });
  ASSERT_NE(found, report.findings.end()) << Said(report);
  EXPECT_EQ(found->severity, Severity::kWarning);
  RepairReport repaired;
  EXPECT_EQ(Saved(killed, &repaired), contents_);
  ASSERT_EQ(repaired.doubtful.size(), 1u);
  EXPECT_EQ(repaired.doubtful[0].name, "b");
}

TEST_F(VerifyTest, AnOpenStoreIsVerifiedAndNotRepaired) {
  const std::shared_ptr<Backend> backend = BackendOf(files_);
  const auto store = Store::Open(backend, StoreOptions{});
  ASSERT_OK(store.status());
  const VerifyReport report = Look(*backend);
  EXPECT_TRUE(report.clean()) << Said(report);
  EXPECT_TRUE(report.in_use);
  EXPECT_EQ(Repair(*backend, NewMemoryBackend(), NothingToCheck).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(VerifyTest, RepairWritesToNewDirectoriesOnly) {
  const std::shared_ptr<Backend> other = BackendOf({{"notes.txt", "mine"}});
  EXPECT_EQ(Repair(*BackendOf(files_), other, NothingToCheck).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadAllFiles(*other), (Files{{"notes.txt", "mine"}}));
}

TEST_F(VerifyTest, WhatTheCheckSaysCounts) {
  const auto check = [](const StoredArray& array) {
    std::string bytes(array.length, '\0');
    const absl::Status read =
        array.read(0, absl::MakeSpan(reinterpret_cast<std::byte*>(bytes.data()), bytes.size()));
    if (!read.ok()) return read;
    return bytes == "contents of c" ? absl::DataLossError("it is ugly") : absl::OkStatus();
  };
  const std::shared_ptr<Backend> backend = BackendOf(files_);
  const auto report = Verify(*backend, check);
  ASSERT_OK(report.status());
  ASSERT_EQ(report->findings.size(), 1u) << Said(*report);
  EXPECT_EQ(report->findings[0].array, "c");
  EXPECT_EQ(report->findings[0].what, "it is ugly");
  const auto repaired = Repair(*backend, NewMemoryBackend(), check);
  ASSERT_OK(repaired.status());
  ASSERT_EQ(repaired->lost.size(), 1u);
  EXPECT_EQ(repaired->lost[0].why, "it is ugly");
}

// Any flipped byte anywhere: looking and saving never crash, and what is saved under a name without
// a doubt, when the damage is in the log, is what was there.
TEST_F(VerifyTest, FlippedAndCutLogsNeverGiveWrongArrays) {
  const size_t end = files_["log.1"].find_last_not_of('\0') + 1;
  for (size_t at = 0; at < end; at += 7) {
    for (const bool cut : {false, true}) {
      Files files = files_;
      if (cut) {
        files["log.1"].resize(at);
      } else {
        files["log.1"][at] = static_cast<char>(files["log.1"][at] ^ 0x80);
      }
      for (const auto& [name, bytes] : Saved(BackendOf(files)))
        EXPECT_EQ(bytes, contents_[name]) << name << " " << at << " " << cut;
    }
  }
}

}  // namespace
}  // namespace numpack::storage
