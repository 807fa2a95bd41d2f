// Stores that are open for reading only, alone and beside others that write.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/backends/testing/write_protected_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

constexpr char kBoot[] = "boot 1";
constexpr char kOtherBoot[] = "boot 2";

using Files = std::map<std::string, std::string>;

StoreOptions Options(bool read_only) {
  StoreOptions options;
  options.read_only = read_only;
  options.lock_wait = absl::ZeroDuration();
  return options;
}

std::string TextOf(const PinnedBytes& bytes) {
  const absl::StatusOr<SharedBytes> view = bytes.View();
  EXPECT_EQ(view.status(), absl::OkStatus());
  if (!view.ok()) return "unreadable";
  return std::string(reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size());
}

// The same directory for a writer and a reader in two processes.
class ReadOnlyTest : public testing::Test {
 protected:
  struct Directory {
    explicit Directory(std::shared_ptr<Backend> files)
        : writer(AsProcess(files, "a writer")),
          reader(std::make_shared<WriteProtectedBackend>(AsProcess(files, "a reader"))) {}
    std::shared_ptr<Backend> writer;
    std::shared_ptr<WriteProtectedBackend> reader;
  };

  ReadOnlyTest() : here_(WithBootId(NewMemoryBackend(), kBoot)) {}
  ~ReadOnlyTest() override { EXPECT_EQ(here_.reader->denied(), 0) << "it tried to write"; }

  static std::shared_ptr<Store> Open(const std::shared_ptr<Backend>& backend) {
    auto store = Store::Open(backend, Options(/*read_only=*/false));
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }
  static std::shared_ptr<Store> OpenToRead(const std::shared_ptr<Backend>& backend) {
    auto store = Store::Open(backend, Options(/*read_only=*/true));
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }
  // What a reader finds in a copy of the directory, made now; its files do not change.
  Contents InCopy(const std::string& boot) {
    const Directory copy(CopyOf(*here_.writer, boot));
    const Files before = ReadAllFiles(*copy.writer);
    const std::shared_ptr<Store> store = OpenToRead(copy.reader);
    const Contents contents = AllContents(*store);
    EXPECT_EQ(store->CloseHandle(), absl::OkStatus());
    EXPECT_EQ(ReadAllFiles(*copy.writer), before);
    EXPECT_EQ(copy.reader->denied(), 0);
    return contents;
  }

  Directory here_;
};

TEST_F(ReadOnlyTest, WithoutTheOptionADirectoryThatCannotBeWrittenIsAnError) {
  ASSERT_OK(Open(here_.writer)->CloseHandle());
  const auto directory = std::make_shared<WriteProtectedBackend>(AsProcess(here_.writer, "other"));
  const auto store = Store::Open(directory, Options(/*read_only=*/false));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(store.status().message(), "read_only")) << store.status();
}

TEST_F(ReadOnlyTest, ReadsWhatIsThereAndWritesNothing) {
  auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", "first"));
  ASSERT_OK(PutBytes(*writer, "b", std::string(400'000, 'b')));
  const Contents contents = AllContents(*writer);
  ASSERT_OK(writer->CloseHandle());
  writer.reset();
  const Files before = ReadAllFiles(*here_.writer);
  {
    const auto reader = OpenToRead(here_.reader);
    EXPECT_TRUE(reader->read_only());
    EXPECT_EQ(AllContents(*reader), contents);
    EXPECT_EQ(reader->StatsWithFiles()->arrays, 2u);
    ASSERT_OK(reader->Flush());
    ASSERT_OK(reader->CloseHandle());
  }
  EXPECT_EQ(ReadAllFiles(*here_.writer), before);
  // A directory that nobody ever opened to write: the file to lock is not there.
  ASSERT_OK(here_.writer->Remove("writer.lock"));
  EXPECT_EQ(AllContents(*OpenToRead(here_.reader)), contents);
}

TEST_F(ReadOnlyTest, EveryChangeIsDeniedAndTheErrorSaysWhatToDo) {
  ASSERT_OK(PutBytes(*Open(here_.writer), "a", "first"));
  const auto reader = OpenToRead(here_.reader);
  for (const absl::Status& status :
       {PutBytes(*reader, "a", "second"), AppendBytes(*reader, "a", "second"),
        RemoveName(*reader, "a"), RewriteBytes(*reader, "a", 0, "second").status(),
        reader->BeginInPlace("a").status(), reader->AcknowledgeInterrupted("a")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_TRUE(absl::StrContains(status.message(), "without the option read_only")) << status;
  }
  EXPECT_EQ(AllContents(*reader), (Contents{{"a", "first"}}));
}

TEST_F(ReadOnlyTest, WhereThereIsNoStoreNoneIsMade) {
  EXPECT_EQ(Store::Open(here_.reader, Options(true)).status().code(), absl::StatusCode::kNotFound);
  WriteFile(*here_.writer, "segment.1", "bytes");
  EXPECT_EQ(Store::Open(here_.reader, Options(true)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(here_.writer->List()->size(), 1u);
}

TEST_F(ReadOnlyTest, WhatAKilledWriterLeavesIsRecoveredInMemory) {
  const auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", "first"));
  ASSERT_OK(writer->Flush());
  const uint64_t before = writer->stats().log_bytes;
  ASSERT_OK(PutBytes(*writer, "a", "second"));
  EXPECT_EQ(InCopy(kBoot), (Contents{{"a", "second"}}));
  // In another boot only what was flushed is sure.
  EXPECT_EQ(InCopy(kOtherBoot), (Contents{{"a", "first"}}));
  EXPECT_EQ(InCopy(""), (Contents{{"a", "first"}}));
  // A torn tail.
  const Directory torn(CopyOf(*here_.writer, kBoot));
  std::string log = ReadFile(*torn.writer, "log.1");
  std::fill(log.begin() + static_cast<std::ptrdiff_t>(before) + 20, log.end(), '\0');
  WriteFile(*torn.writer, "log.1", log);
  EXPECT_EQ(AllContents(*OpenToRead(torn.reader)), (Contents{{"a", "first"}}));
  EXPECT_EQ(ReadFile(*torn.writer, "log.1"), log);
}

TEST_F(ReadOnlyTest, RewrittenBytesAreFinishedOrUndoneInMemory) {
  const std::string old_bytes(200'000, 'o');
  const auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", old_bytes));
  ASSERT_OK(writer->Flush());
  const Files before = ReadAllFiles(*here_.writer);
  ASSERT_TRUE(*RewriteBytes(*writer, "a", 1000, std::string(5000, 'n')));
  const std::string new_bytes = *GetBytes(*writer, "a");
  // Killed before a byte of the array was written.
  const Directory killed(CopyOf(*here_.writer, kBoot));
  for (const auto& [name, contents] : before) {
    if (absl::StartsWith(name, "segment.")) WriteFile(*killed.writer, name, contents);
  }
  const auto reader = OpenToRead(killed.reader);
  EXPECT_EQ(*GetBytes(*reader, "a"), new_bytes);
  std::string piece(2000, '?');
  const auto pinned = reader->Find("a");
  ASSERT_OK(pinned->Read(500, absl::MakeSpan(reinterpret_cast<std::byte*>(piece.data()), 2000)));
  EXPECT_EQ(piece, new_bytes.substr(500, 2000));
  // A writer comes and finishes it in the file.
  const auto next = Open(killed.writer);
  EXPECT_EQ(TextOf(*pinned), new_bytes);
  EXPECT_EQ(*GetBytes(*reader, "a"), new_bytes);
  EXPECT_EQ(*GetBytes(*next, "a"), new_bytes);
  // After a restart the old bytes come back.
  EXPECT_EQ(InCopy(kOtherBoot), (Contents{{"a", old_bytes}}));
}

TEST_F(ReadOnlyTest, CommitsOfAWriterAreSeen) {
  const auto writer = Open(here_.writer);
  const auto reader = OpenToRead(here_.reader);
  for (int i = 0; i < 30'000; ++i) {  // the log is changed meanwhile
    ASSERT_OK(PutBytes(*writer, absl::StrCat(i % 7), absl::StrCat(i, std::string(100, 'x'))));
    if (i % 1000 < 3) {
      ASSERT_EQ(AllContents(*reader), AllContents(*writer)) << i;
    }
  }
  ASSERT_OK(RemoveName(*writer, "0"));
  EXPECT_FALSE(reader->Contains("0"));
  EXPECT_EQ(reader->Find("0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader->List(), writer->List());
}

// A reader that was there first, and writers that come and go.
TEST_F(ReadOnlyTest, WritersThatComeLaterAreSeen) {
  for (const bool with_lock_file : {true, false}) {
    const Directory directory(WithBootId(NewMemoryBackend(), kBoot));
    ASSERT_OK(PutBytes(*Open(directory.writer), "a", "first"));
    if (!with_lock_file) {
      ASSERT_OK(directory.writer->Remove("writer.lock"));
    }
    const auto idle = OpenToRead(directory.reader);
    const auto reader = OpenToRead(
        std::make_shared<WriteProtectedBackend>(AsProcess(directory.writer, "another reader")));
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "first"}}));
    // One that came and went before the reader looked again, and one that is still there.
    ASSERT_OK(PutBytes(*Open(directory.writer), "a", "second"));
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "second"}}));
    auto writer = Open(directory.writer);
    ASSERT_OK(PutBytes(*writer, "a", "third"));
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "third"}}));
    ASSERT_OK(PutBytes(*writer, "a", "fourth"));
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "fourth"}}));
    ASSERT_OK(writer->CloseHandle());
    writer.reset();
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "fourth"}}));
    ASSERT_OK(PutBytes(*Open(directory.writer), "a", "fifth"));
    EXPECT_EQ(AllContents(*reader), (Contents{{"a", "fifth"}}));
    EXPECT_EQ(AllContents(*idle), (Contents{{"a", "fifth"}}));
  }
}

TEST_F(ReadOnlyTest, NoSpaceIsUsedAgainWhileItLives) {
  auto writer = Open(here_.writer);
  const std::string small(3000, 's'), large(400'000, 'l');
  ASSERT_OK(PutBytes(*writer, "small", small));
  ASSERT_OK(PutBytes(*writer, "large", large));
  ASSERT_OK(writer->Flush());
  auto reader = OpenToRead(here_.reader);
  const auto held_small = reader->Find("small"), held_large = reader->Find("large");
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(PutBytes(*writer, "small", std::string(3000, static_cast<char>('A' + i))));
    ASSERT_OK(PutBytes(*writer, "large", std::string(400'000, static_cast<char>('A' + i))));
    ASSERT_OK(writer->Flush());
  }
  EXPECT_EQ(TextOf(*held_small), small);
  EXPECT_EQ(TextOf(*held_large), large);
  EXPECT_GE(writer->stats().limbo_bytes, 20u * 403'000);
  // Not even when the writer goes and another is the first one to come.
  ASSERT_OK(writer->CloseHandle());
  writer = nullptr;
  writer = Open(here_.writer);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(PutBytes(*writer, "small", std::string(3000, static_cast<char>('a' + i))));
    ASSERT_OK(PutBytes(*writer, "large", std::string(400'000, static_cast<char>('a' + i))));
    ASSERT_OK(writer->Flush());
  }
  EXPECT_EQ(TextOf(*held_small), small);
  EXPECT_EQ(TextOf(*held_large), large);
  // The views keep the reader alive; when all is gone, so is what they kept.
  reader = nullptr;
  EXPECT_EQ(TextOf(*held_small), small);
}

TEST_F(ReadOnlyTest, SpaceIsUsedAgainOnceItIsGone) {
  const auto writer = Open(here_.writer);
  {
    const auto reader = OpenToRead(here_.reader);
    for (int i = 0; i < 20; ++i) ASSERT_OK(PutBytes(*writer, "a", std::string(400'000, 'a')));
  }
  ASSERT_OK(PutBytes(*writer, "b", "makes room"));
  ASSERT_OK(writer->Flush());
  ASSERT_OK(writer->Flush());
  ASSERT_OK(PutBytes(*writer, "b", "makes room"));
  EXPECT_LT(writer->stats().limbo_bytes, 400'000u);
  ASSERT_OK(writer->CloseHandle());
  EXPECT_LT(writer->StatsWithFiles()->file_bytes, 4'000'000u);
}

// Through a change of logs: what waits in limbo goes with it.
TEST_F(ReadOnlyTest, WhatAReaderHoldsOutlivesTheLog) {
  auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", "held"));
  ASSERT_OK(writer->CloseHandle());
  writer = nullptr;
  const auto reader = OpenToRead(here_.reader);  // alone, and it does not look again
  const auto held = reader->Find("a");
  writer = Open(here_.writer);
  const std::string many(100'000, 'n');
  for (int i = 0; i < 120; ++i) ASSERT_OK(PutBytes(*writer, absl::StrCat("name ", i, many), "x"));
  ASSERT_OK(PutBytes(*writer, "a", "news"));
  ASSERT_OK(writer->Flush());
  EXPECT_EQ(ReadAllFiles(*here_.writer).count("log.1"), 0u) << "the log was not changed";
  for (int session = 0; session < 3; ++session) {
    for (int i = 0; i < 100; ++i) ASSERT_OK(PutBytes(*writer, "a", absl::StrCat("new", i % 10)));
    ASSERT_OK(writer->CloseHandle());
    writer = nullptr;
    writer = Open(here_.writer);
  }
  EXPECT_EQ(TextOf(*held), "held");
  EXPECT_EQ(*GetBytes(*reader, "a"), "new9");
}

TEST_F(ReadOnlyTest, BytesAreNotRewrittenUnderIt) {
  const auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", std::string(200'000, 'o')));
  ASSERT_TRUE(*RewriteBytes(*writer, "a", 1000, "new"));
  {
    const auto reader = OpenToRead(here_.reader);
    EXPECT_FALSE(*RewriteBytes(*writer, "a", 1000, "NEW")) << "nobody held the array";
    EXPECT_EQ(AllContents(*reader), AllContents(*writer));
  }
  EXPECT_TRUE(*RewriteBytes(*writer, "a", 1000, "NEW"));
}

// The writer dies between a redo record and its bytes; a reader comes before the next writer.
TEST_F(ReadOnlyTest, ADeadWritersRewriteIsSeenAsDone) {
  const auto faulty = std::make_shared<FaultInjectingBackend>(here_.writer);
  const auto writer = Open(faulty);
  ASSERT_OK(PutBytes(*writer, "a", std::string(200'000, 'o')));
  const std::string expected = std::string(1000, 'o') + "new" + std::string(198'997, 'o');
  faulty->Count([](const BackendCall& call) {
    return call.operation == BackendOperation::kWrite && absl::StartsWith(call.file, "segment.");
  });
  faulty->FailFrom(1, absl::DataLossError("dead"));
  ASSERT_FALSE(RewriteBytes(*writer, "a", 1000, "new").ok());
  const auto reader = OpenToRead(here_.reader);
  EXPECT_EQ(*GetBytes(*reader, "a"), expected);
  const auto held = reader->Find("a");
  faulty->Heal();
  ASSERT_OK(PutBytes(*writer, "b", "goes on"));
  EXPECT_EQ(AllContents(*reader), (Contents{{"a", expected}, {"b", "goes on"}}));
  EXPECT_EQ(AllContents(*writer), AllContents(*reader));
  EXPECT_EQ(TextOf(*held), expected);
}

// Files of living processes that a copy took along, or killed ones left, mean nothing to it.
TEST_F(ReadOnlyTest, HeadAndSlotsOfNobodyAreNotFollowed) {
  const auto writer = Open(here_.writer);
  ASSERT_OK(PutBytes(*writer, "a", "first"));
  Directory copy(CopyOf(*here_.writer, kBoot));
  ASSERT_EQ(ReadAllFiles(*copy.writer).count("head"), 1u);
  ASSERT_OK(PutBytes(*Open(copy.writer), "a", "second"));
  WriteFile(*copy.writer, "head", ReadFile(*here_.writer, "head"));
  WriteFile(*copy.writer, "slot.0", ReadFile(*here_.writer, "slot.0"));
  const auto reader = OpenToRead(copy.reader);
  EXPECT_EQ(AllContents(*reader), (Contents{{"a", "second"}}));
  const auto next = Open(copy.writer);
  ASSERT_OK(PutBytes(*next, "a", "third"));
  EXPECT_EQ(AllContents(*reader), (Contents{{"a", "third"}}));
  EXPECT_EQ(AllContents(*writer), (Contents{{"a", "first"}}));
}

TEST_F(ReadOnlyTest, OneProcessMayHaveBothKindsOfHandles) {
  ASSERT_OK(PutBytes(*Open(here_.writer), "a", "first"));
  const auto reader = OpenToRead(here_.writer);
  EXPECT_EQ(OpenToRead(here_.writer), reader);
  const auto writer = Open(here_.writer);
  EXPECT_NE(writer, reader);
  ASSERT_OK(PutBytes(*writer, "a", "second"));
  EXPECT_EQ(*GetBytes(*reader, "a"), "second");
  // While there is one that writes, who only wants to read shares its pins.
  EXPECT_EQ(OpenToRead(here_.writer), writer);
}

// Where memory is not shared, readers share the directory and a writer has it alone.
TEST_F(ReadOnlyTest, WithoutSharedMemoryReadersAndAWriterExcludeEachOther) {
  const auto files = NewMemoryBackend();
  const auto as = [&](const char* name) { return AsProcess(files, name, /*shares_memory=*/false); };
  auto writer = Open(as("writer"));
  ASSERT_OK(PutBytes(*writer, "a", "first"));
  EXPECT_EQ(Store::Open(as("reader"), Options(true)).status().code(),
            absl::StatusCode::kUnavailable);
  writer = nullptr;
  const auto reader = OpenToRead(as("reader"));
  const auto other = OpenToRead(as("other reader"));
  EXPECT_EQ(AllContents(*reader), (Contents{{"a", "first"}}));
  EXPECT_EQ(AllContents(*other), (Contents{{"a", "first"}}));
  EXPECT_EQ(Store::Open(as("writer"), Options(false)).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace numpack::storage
