// Arrays that carry a checksum carry the right one, whatever happens to them, and wrong bytes are
// found by it.
#include "numpack/storage/checksum.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/storage/finding.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/repair.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"
#include "numpack/storage/verify.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr char kBoot[] = "boot 1";
constexpr char kOtherBoot[] = "boot 2";

using Random = std::mt19937;

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

std::string RandomBytes(Random& random, size_t count) {
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

TEST(Checksum, IsTheCrcOfTheStandard) {
  EXPECT_EQ(ExtendChecksum(0, AsBytes("123456789")), 0xE3069283u);
  EXPECT_EQ(ExtendChecksum(ExtendChecksum(0, AsBytes("1234")), AsBytes("56789")), 0xE3069283u);
  EXPECT_EQ(ExtendChecksum(0, {}), 0u);
}

TEST(Checksum, APieceIsExchangedWithoutTheRest) {
  Random random(1);
  for (const size_t length : {size_t{1}, size_t{7}, size_t{1000}, size_t{100'000}}) {
    for (int i = 0; i < 50; ++i) {
      std::string bytes = RandomBytes(random, length);
      const uint32_t before = ExtendChecksum(0, AsBytes(bytes));
      const size_t offset = random() % length;
      const size_t count = random() % (length - offset + 1);
      const std::string old = bytes.substr(offset, count);
      const std::string piece = RandomBytes(random, count);
      bytes.replace(offset, count, piece);
      EXPECT_EQ(ReplaceInChecksum(before, length, offset, old, piece),
                ExtendChecksum(0, AsBytes(bytes)));
    }
  }
}

VerifyReport Look(Backend& backend, const VerifyOptions& options = {}) {
  const auto report = Verify(
      backend, [](const StoredArray&) { return absl::OkStatus(); }, options);
  EXPECT_EQ(report.status(), absl::OkStatus());
  return report.value_or(VerifyReport());
}

std::string Said(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings)
    absl::StrAppend(&text, finding.file, ": ", finding.array, ": ", finding.what, "\n");
  return text;
}

// Turns a bit of the byte `what` bytes into the array round. The array's contents occur once.
void Damage(Backend& backend, const std::string& contents, size_t at) {
  for (const auto& [name, bytes] : ReadAllFiles(backend)) {
    if (!absl::StartsWith(name, "segment.")) continue;
    const size_t found = bytes.find(contents);
    if (found == std::string::npos) continue;
    std::string damaged = bytes;
    damaged[found + at] = static_cast<char>(damaged[found + at] ^ 0x20);
    WriteFile(backend, name, damaged);
    return;
  }
  FAIL() << "the contents are in no segment";
}

class ChecksumTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(/*checksum=*/true); }

  static StoreOptions Options(bool checksum) {
    StoreOptions options;
    options.checksum = checksum;
    options.background_sync = false;
    return options;
  }
  static std::shared_ptr<Store> Open(const std::shared_ptr<Backend>& backend, bool checksum) {
    auto store = Store::Open(backend, Options(checksum));
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Reopen(bool checksum) {
    if (store_ != nullptr) {
      ASSERT_OK(store_->CloseHandle());
    }
    store_ = nullptr;
    store_ = Open(backend_, checksum);
  }

  // Expects that `arrays` arrays carry a checksum, and the right one: now, after a kill, and after
  // a restart of the machine, before and after the store has been opened.
  void ExpectRight(uint64_t arrays) {
    ExpectRightIn(*CopyOf(*backend_, kBoot), arrays, "killed");
    const std::shared_ptr<Backend> recovered = CopyOf(*backend_, kBoot);
    EXPECT_EQ(AllContents(*Open(recovered, false)), AllContents(*store_));
    ExpectRightIn(*recovered, arrays, "recovered");
    const std::shared_ptr<Backend> restarted = CopyOf(*backend_, kOtherBoot);
    const VerifyReport report = Look(*restarted);
    EXPECT_TRUE(report.clean()) << Said(report);
    Open(restarted, false);
    ExpectRightIn(*restarted, report.contents_checked, "restarted");
  }
  static void ExpectRightIn(Backend& backend, uint64_t arrays, absl::string_view when) {
    const VerifyReport report = Look(backend);
    EXPECT_TRUE(report.clean()) << when << "\n" << Said(report);
    EXPECT_EQ(report.contents_checked, arrays) << when;
  }

  // Changes 'bytes' of the array through a writable mapping.
  void ChangeInPlace(const std::string& name, size_t offset, const std::string& bytes) {
    const auto mapping = store_->BeginInPlace(name);
    ASSERT_OK(mapping.status());
    std::memcpy(mapping->region.data() + offset, bytes.data(), bytes.size());
    ASSERT_OK(store_->EndInPlace({{name, "metadata"}}));
  }

  const std::string large_ = RandomBytes(random_, 300'000);
  const std::string small_ = "a few bytes that are stored once";
  std::shared_ptr<Backend> backend_ = WithBootId(NewMemoryBackend(), kBoot);
  std::shared_ptr<Store> store_;
  static Random random_;
};
Random ChecksumTest::random_(7);

TEST_F(ChecksumTest, ArraysCarryOneWhenTheStoreWasAskedFor) {
  ASSERT_OK(PutBytes(*store_, "small", small_));
  ASSERT_OK(PutBytes(*store_, "large", large_));
  ASSERT_OK(PutBytes(*store_, "empty", ""));
  ExpectRight(3);
  EXPECT_TRUE(store_->Find("empty")->has_checksum());
  Reopen(/*checksum=*/false);
  ASSERT_OK(PutBytes(*store_, "without", small_));
  EXPECT_FALSE(store_->Find("without")->has_checksum());
  ExpectRight(3);
  // The strongest wish of a process holds for all of its handles.
  const std::shared_ptr<Store> second = Open(backend_, /*checksum=*/true);
  ASSERT_OK(PutBytes(*store_, "with", small_));
  ExpectRight(4);
}

TEST_F(ChecksumTest, AWrongBitIsFoundInArraysThatCarryOne) {
  for (const bool checksum : {true, false}) {
    const std::shared_ptr<Backend> backend = WithBootId(NewMemoryBackend(), kBoot);
    const std::shared_ptr<Store> store = Open(backend, checksum);
    ASSERT_OK(PutBytes(*store, "small", small_));
    ASSERT_OK(PutBytes(*store, "large", large_));
    ASSERT_OK(store->CloseHandle());
    for (const std::string* contents : {&small_, &large_}) {
      for (const size_t at : {size_t{0}, contents->size() / 2, contents->size() - 1}) {
        const std::shared_ptr<Backend> damaged = CopyOf(*backend, kBoot);
        Damage(*damaged, *contents, at);
        const VerifyReport report = Look(*damaged);
        EXPECT_EQ(report.clean(), !checksum) << Said(report);
        VerifyOptions quick;
        quick.contents = false;
        EXPECT_TRUE(Look(*damaged, quick).clean());
        if (!checksum) continue;
        ASSERT_EQ(report.findings.size(), 1u) << Said(report);
        const Finding& finding = report.findings[0];
        EXPECT_EQ(finding.severity, Severity::kError);
        EXPECT_EQ(finding.array, contents == &small_ ? "small" : "large");
        EXPECT_TRUE(absl::StrContains(finding.what, "checksum")) << finding.what;
        EXPECT_FALSE(finding.remedy.empty());
      }
    }
  }
}

TEST_F(ChecksumTest, BytesBehindTheArrayDoNotCount) {
  ASSERT_OK(PutBytes(*store_, "a", small_));
  ASSERT_OK(PutBytes(*store_, "b", "the next one"));
  std::string segment = ReadFile(*backend_, "segment.1");
  segment[segment.find(small_) + small_.size()] = '!';
  const std::shared_ptr<Backend> copy = CopyOf(*backend_, kBoot);
  WriteFile(*copy, "segment.1", segment);
  ExpectRightIn(*copy, 2, "slack");
}

TEST_F(ChecksumTest, ProgressIsToldInBytes) {
  ASSERT_OK(PutBytes(*store_, "a", std::string(5'000'000, 'a')));
  ASSERT_OK(PutBytes(*store_, "b", small_));
  std::vector<uint64_t> told;
  VerifyOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, 5'000'000 + small_.size());
    told.push_back(done);
  };
  Look(*backend_, options);
  EXPECT_GE(told.size(), 5u);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 5'000'000 + small_.size());
}

TEST_F(ChecksumTest, AFailedWriteCanBeRepeated) {
  for (const int64_t failing : {1, 2}) {  // of two blocks
    const auto faulty = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
    const std::shared_ptr<Store> store = Open(faulty, /*checksum=*/true);
    auto transaction = store->Begin();
    auto extent = transaction->Allocate("a", large_.size());
    ASSERT_OK(extent.status());
    faulty->Count(
        [](const BackendCall& call) { return call.operation == BackendOperation::kWrite; });
    faulty->FailAt(failing, absl::DataLossError("injected"));
    EXPECT_FALSE(extent->Write(0, AsBytes(large_)).ok());
    ASSERT_EQ(faulty->faults(), 1);
    ASSERT_OK(extent->Write(0, AsBytes(large_)));
    ASSERT_OK(transaction->Put("a", *std::move(extent), ""));
    ASSERT_OK(transaction->Commit());
    EXPECT_EQ(*GetBytes(*store, "a"), large_);
    ASSERT_OK(store->CloseHandle());
    ExpectRightIn(*faulty, 1, "repeated");
  }
}

// Whether the process that changes an array asked for checksums does not matter.
class ChangesTest : public ChecksumTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ChecksumTest::SetUp();
    ASSERT_OK(PutBytes(*store_, "small", small_));
    ASSERT_OK(PutBytes(*store_, "large", large_));
    ASSERT_OK(PutBytes(*store_, "empty", ""));
    Reopen(/*checksum=*/GetParam());
  }
};
INSTANTIATE_TEST_SUITE_P(ByAnyHandle, ChangesTest, testing::Bool());

TEST_P(ChangesTest, SavingAgain) {
  ASSERT_OK(PutBytes(*store_, "small", "other bytes"));
  ASSERT_OK(PutBytes(*store_, "large", ""));
  ASSERT_OK(PutBytes(*store_, "empty", large_));
  ExpectRight(3);
}

TEST_P(ChangesTest, PiecesInAnyOrderAndTwice) {
  auto transaction = store_->Begin();
  auto extent = transaction->Allocate("small", 6);
  ASSERT_OK(extent.status());
  ASSERT_OK(extent->Write(2, AsBytes("cd")));
  ASSERT_OK(extent->Write(0, AsBytes("ab")));
  ASSERT_OK(extent->Write(2, AsBytes("xyzw")));
  ASSERT_OK(extent->Write(1, AsBytes("!")));
  ASSERT_OK(transaction->Put("small", *std::move(extent), ""));
  // Space for one name may be put under another.
  ASSERT_OK(transaction->Put("large", *transaction->Allocate("nobody", 1000), ""));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(*GetBytes(*store_, "small"), "a!xyzw");
  ExpectRight(3);
}

TEST_P(ChangesTest, ManySpansInOneWrite) {
  auto transaction = store_->Begin();
  auto extent = transaction->Allocate("large", large_.size());
  ASSERT_OK(extent.status());
  std::vector<absl::Span<const std::byte>> spans;
  absl::Span<const std::byte> rest = AsBytes(large_);
  for (size_t count = 1; !rest.empty(); count = count * 3 + 1) {
    spans.push_back(rest.first(std::min(count, rest.size())));
    rest.remove_prefix(spans.back().size());
  }
  ASSERT_OK(extent->Write(0, spans));
  ASSERT_OK(transaction->Put("large", *std::move(extent), ""));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(*GetBytes(*store_, "large"), large_);
  ExpectRight(3);
}

TEST_P(ChangesTest, Appending) {
  for (int i = 0; i < 30; ++i) {  // with room and without
    for (const char* name : {"small", "large", "empty"}) {
      ASSERT_OK(AppendBytes(*store_, name, RandomBytes(random_, i * i)));
    }
    if (i % 10 == 0) ExpectRight(3);
  }
  ExpectRight(3);
}

TEST_P(ChangesTest, Renaming) {
  auto transaction = store_->Begin();
  ASSERT_OK(transaction->Rename("small", "tiny"));
  ASSERT_OK(transaction->Commit());
  ExpectRight(3);
  ASSERT_OK(PutBytes(*store_, "tiny", "bytes"));
  ExpectRight(3);
}

TEST_P(ChangesTest, Rewriting) {
  for (int i = 0; i < 20; ++i) {
    const size_t offset = random_() % 290'000;
    ASSERT_TRUE(*RewriteBytes(*store_, "large", offset, RandomBytes(random_, 1 + i * 100)));
    ExpectRight(3);  // with a state to come back to, and without
    if (i % 5 == 0) {
      ASSERT_OK(store_->Flush());
    }
  }
}

// Of pieces that overlap the later one wins.
TEST_P(ChangesTest, RewritingOverlappingPieces) {
  std::string expected = large_;
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> contents;
    std::vector<BytesAt> pieces;
    for (int piece = 0; piece < 8; ++piece)
      contents.push_back(RandomBytes(random_, random_() % 40));
    for (const std::string& bytes : contents) {
      const size_t offset = 1000 + random_() % 60;
      expected.replace(offset, bytes.size(), bytes);
      pieces.push_back({offset, AsBytes(bytes)});
    }
    auto transaction = store_->Begin();
    ASSERT_TRUE(*transaction->Rewrite("large", pieces, ""));
    ASSERT_OK(transaction->Commit());
    ASSERT_EQ(*GetBytes(*store_, "large"), expected);
    ExpectRight(3);
  }
}

TEST_P(ChangesTest, InPlace) {
  for (const char* name : {"small", "large"}) {
    ChangeInPlace(name, 3, "changed");
    ExpectRight(3);
  }
  ASSERT_OK(store_->BeginInPlace("empty").status());
  ASSERT_OK(store_->EndInPlace({{"empty", ""}}));
  ExpectRight(3);
}

TEST_P(ChangesTest, AnInterruptedArrayHasNoneUntilItIsAcknowledged) {
  const auto mapping = store_->BeginInPlace("large");
  ASSERT_OK(mapping.status());
  mapping->region.data()[0] ^= std::byte{1};
  const std::shared_ptr<Backend> killed = CopyOf(*backend_, kBoot);
  const VerifyReport report = Look(*killed);
  ASSERT_EQ(report.findings.size(), 1u) << Said(report);
  EXPECT_EQ(report.findings[0].severity, Severity::kWarning);
  EXPECT_EQ(report.contents_checked, 2u);
  const std::shared_ptr<Store> store = Open(killed, GetParam());
  // Whoever appends to it does not know whether the rest is right.
  ASSERT_OK(AppendBytes(*store, "large", "more"));
  EXPECT_EQ(store->Interrupted(), std::vector<std::string>{"large"});
  EXPECT_EQ(Look(*CopyOf(*killed, kBoot)).contents_checked, 2u);
  ASSERT_OK(store->AcknowledgeInterrupted("large"));
  ExpectRightIn(*CopyOf(*killed, kBoot), 3, "acknowledged");
}

TEST_P(ChangesTest, TheLogIsChanged) {
  for (int i = 0; i < 50'000; ++i) ASSERT_OK(PutBytes(*store_, "empty", absl::StrCat(i)));
  EXPECT_EQ(ReadAllFiles(*backend_).count("log.1"), 0u);
  ExpectRight(3);
}

// What was wrong stays wrong when bytes are copied, and when others of the array change.
TEST_P(ChangesTest, DamageIsNotMadeSound) {
  const auto is_found = [&](Store& store, Backend& backend, const std::string& name) {
    EXPECT_EQ(store.CloseHandle(), absl::OkStatus());
    const VerifyReport report = Look(backend);
    return report.findings.size() == 1 && report.findings[0].array == name;
  };
  ASSERT_OK(store_->CloseHandle());
  for (const char* name : {"small", "large"}) {
    const std::shared_ptr<Backend> backend = CopyOf(*backend_, kBoot);
    Damage(*backend, absl::string_view(name) == "small" ? small_ : large_, 1);
    const std::shared_ptr<Store> store = Open(backend, GetParam());
    for (int i = 0; i < 3; ++i)  // moved first, and then where it lies
      ASSERT_OK(AppendBytes(*store, name, std::string(100, 'x')));
    if (absl::string_view(name) == "large") {
      ASSERT_TRUE(*RewriteBytes(*store, name, 100, "others"));
    }
    EXPECT_TRUE(is_found(*store, *backend, name)) << name;
  }
}

// The killed writer had appended the record, and written nothing, or a part.
TEST_P(ChangesTest, AKilledRewriteIsFinished) {
  const std::shared_ptr<Backend> before = CopyOf(*backend_, kBoot);
  ASSERT_TRUE(*RewriteBytes(*store_, "large", 1000, RandomBytes(random_, 5000)));
  const std::shared_ptr<Backend> after = CopyOf(*backend_, kBoot);
  for (const auto& [name, contents] : ReadAllFiles(*before)) {
    if (!absl::StartsWith(name, "segment.")) continue;
    const std::string written = ReadFile(*after, name);
    for (const size_t part : {size_t{0}, size_t{1001}, size_t{3000}}) {
      const std::shared_ptr<Backend> killed = CopyOf(*after, kBoot);
      WriteFile(*killed, name, written.substr(0, part) + contents.substr(part));
      ExpectRightIn(*killed, 3, "before it is opened");
      Open(killed, GetParam());
      ExpectRightIn(*killed, 3, "afterwards");
    }
  }
}

TEST_P(ChangesTest, ARestartFindsTheChecksumsOfItsState) {
  ASSERT_OK(store_->Flush());
  ASSERT_TRUE(*RewriteBytes(*store_, "large", 1000, "first"));
  ASSERT_TRUE(*RewriteBytes(*store_, "large", 1002, "second"));
  ASSERT_OK(AppendBytes(*store_, "small", "more"));
  ASSERT_OK(PutBytes(*store_, "empty", "not any more"));
  const std::shared_ptr<Backend> restarted = CopyOf(*backend_, kOtherBoot);
  ExpectRightIn(*restarted, 3, "before it is opened");
  const Contents expected = {{"small", small_}, {"large", large_}, {"empty", ""}};
  EXPECT_EQ(AllContents(*Open(restarted, GetParam())), expected);
  ExpectRightIn(*restarted, 3, "afterwards");
}

TEST_F(ChecksumTest, RepairSavesDamagedContentsAsDoubtful) {
  ASSERT_OK(PutBytes(*store_, "small", small_));
  ASSERT_OK(PutBytes(*store_, "large", large_));
  Reopen(/*checksum=*/false);
  ASSERT_OK(PutBytes(*store_, "without", "other bytes"));
  ASSERT_OK(store_->CloseHandle());
  const std::shared_ptr<Backend> damaged = CopyOf(*backend_, kBoot);
  Damage(*damaged, large_, 200'000);
  const std::shared_ptr<Backend> to = WithBootId(NewMemoryBackend(), kBoot);
  const auto report = Repair(*damaged, to, [](const StoredArray&) { return absl::OkStatus(); });
  ASSERT_OK(report.status());
  EXPECT_EQ(report->saved, (std::vector<std::string>{"small", "large", "without"}));
  EXPECT_TRUE(report->lost.empty());
  ASSERT_EQ(report->doubtful.size(), 1u);
  EXPECT_EQ(report->doubtful[0].name, "large");
  EXPECT_TRUE(absl::StrContains(report->doubtful[0].why, "checksum"));
  // What was saved is protected from now on, and what was not before is not.
  ExpectRightIn(*to, 2, "saved");
}

// Any sequence of operations, by handles with the option and without, with kills and restarts.
TEST_F(ChecksumTest, RandomOperations) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto pick = [&] { return names[random_() % names.size()]; };
  const auto some_bytes = [&] {
    const size_t limits[] = {1, 100, 10'000, 400'000};
    return RandomBytes(random_, random_() % limits[random_() % 4]);
  };
  int boot = 1;
  for (int step = 0; step < 200; ++step) {
    const std::string name = pick();
    const bool is_there = store_->Contains(name);
    uint64_t length = 0;
    bool had_one = false;
    std::optional<PinnedBytes> held;  // now and then, so that it cannot be rewritten
    if (is_there) {
      held = *store_->Find(name);
      length = held->length();
      had_one = held->has_checksum();
      if (random_() % 4 != 0) held.reset();
    }
    const int operation = static_cast<int>(random_() % 10);
    if (operation < 2 || !is_there) {
      ASSERT_OK(PutBytes(*store_, name, some_bytes()));
    } else if (operation < 4) {
      ASSERT_OK(AppendBytes(*store_, name, some_bytes()));
    } else if (operation < 6 && length > 0) {
      const size_t offset = random_() % length;
      const std::string bytes =
          RandomBytes(random_, std::min<size_t>(random_() % 3000, length - offset));
      ASSERT_OK(RewriteBytes(*store_, name, offset, bytes).status());
    } else if (operation == 6) {
      const std::string to = pick();
      auto transaction = store_->Begin();
      if (!transaction->Contains(to)) {
        ASSERT_OK(transaction->Rename(name, to));
      }
      ASSERT_OK(transaction->Commit());
    } else if (operation == 7 && length > 0) {
      ChangeInPlace(name, random_() % length, "!");
    } else if (operation == 8) {
      ASSERT_OK(store_->Flush());
    } else {
      if (random_() % 2 == 0) ++boot;
      backend_ = CopyOf(*backend_, absl::StrCat("boot ", boot));
      store_ = nullptr;
      store_ = Open(backend_, random_() % 2 == 0);
    }
    if (operation < 6 && had_one) {
      EXPECT_TRUE(store_->Find(name)->has_checksum()) << operation;
    }
    uint64_t carrying = 0;
    for (const std::string& there : store_->List())
      carrying += store_->Find(there)->has_checksum() ? 1 : 0;
    ExpectRightIn(*CopyOf(*backend_, absl::StrCat("boot ", boot)), carrying, "killed");
    const VerifyReport restarted = Look(*CopyOf(*backend_, "another boot"));
    ASSERT_TRUE(restarted.clean()) << step << " " << operation << "\n" << Said(restarted);
    ASSERT_FALSE(HasFailure()) << step << " " << operation;
  }
}

}  // namespace
}  // namespace numpack::storage
