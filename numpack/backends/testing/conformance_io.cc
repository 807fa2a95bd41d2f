// Conformance: sizes, reads and writes of a File.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>  // NOLINT(build/c++11)
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kSignedLimit = uint64_t{1} << 63;  // one more than a signed offset can say

absl::Span<const std::byte> Bytes(const std::string& text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

absl::StatusCode TryRead(File& file, uint64_t offset, size_t length) {
  std::vector<std::byte> to(length);
  return CodeOf(file.ReadAt(offset, absl::MakeSpan(to)));
}

absl::StatusCode TryWrite(File& file, uint64_t offset, const std::string& text) {
  return CodeOf(file.WriteAt(offset, Bytes(text)));
}

}  // namespace

TEST_P(BackendConformanceTest, ReadsWhatWasWritten) {
  const std::string contents = Pattern(300'000);
  const std::unique_ptr<File> file = Create("a", contents);
  EXPECT_EQ(ReadAll(*file), contents);
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{4095}, size_t{65537}, size_t{299'990}}) {
    EXPECT_EQ(Read(*file, offset, 10), contents.substr(offset, 10)) << offset;
  }
}

TEST_P(BackendConformanceTest, OverwritesInPlace) {
  const std::unique_ptr<File> file = Create("a", "0123456789");
  Write(*file, 3, "abc");
  EXPECT_EQ(ReadAll(*file), "012abc6789");
  Write(*file, 9, "xyz");
  EXPECT_EQ(ReadAll(*file), "012abc678xyz");
}

TEST_P(BackendConformanceTest, WritingBeyondTheEndLeavesZeros) {
  const std::unique_ptr<File> file = Create("a", "x");
  Write(*file, 100'000, "y");
  EXPECT_EQ(ReadAll(*file), "x" + std::string(99'999, '\0') + "y");
}

TEST_P(BackendConformanceTest, TwoOpensSeeEachOther) {
  const std::unique_ptr<File> first = Create("a", "one");
  const std::unique_ptr<File> second = OpenFile("a", OpenMode::kReadWrite);
  Write(*second, 3, "two");
  EXPECT_EQ(ReadAll(*first), "onetwo");
}

TEST_P(BackendConformanceTest, GathersPieces) {
  const std::string contents = Pattern(20'000);
  std::vector<absl::Span<const std::byte>>
      pieces;  // more than any system takes at once, many of them empty
  size_t at = 0;
  for (size_t i = 0; at < contents.size(); ++i) {
    const size_t length = std::min(i % 11, contents.size() - at);
    pieces.push_back(Bytes(contents).subspan(at, length));
    at += length;
  }
  pieces.emplace_back();
  ASSERT_GT(pieces.size(), 4000u);
  const std::unique_ptr<File> file = Create("a", "##");
  ASSERT_TRUE(file->WriteAt(1, absl::MakeConstSpan(pieces)).ok());
  EXPECT_EQ(ReadAll(*file), "#" + contents);
}

TEST_P(BackendConformanceTest, EmptyWritesChangeNothing) {
  const std::unique_ptr<File> file = Create("a", "x");
  EXPECT_TRUE(file->WriteAt(0, absl::Span<const absl::Span<const std::byte>>()).ok());
  EXPECT_EQ(TryWrite(*file, 5, ""), absl::StatusCode::kOk);
  EXPECT_EQ(ReadAll(*file), "x");
}

TEST_P(BackendConformanceTest, EmptyReadsSucceedAnywhere) {
  const std::unique_ptr<File> file = Create("a", "x");
  EXPECT_EQ(TryRead(*file, 0, 0), absl::StatusCode::kOk);
  EXPECT_EQ(TryRead(*file, 1000, 0), absl::StatusCode::kOk);
}

TEST_P(BackendConformanceTest, ReadingPastTheEndIsOutOfRange) {
  const std::unique_ptr<File> file = Create("a", "0123456789");
  for (const uint64_t offset : {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{11},
                                kSignedLimit - 11, kSignedLimit - 1, kSignedLimit, kMax - 11}) {
    EXPECT_EQ(TryRead(*file, offset, 11), absl::StatusCode::kOutOfRange) << offset;
  }
  EXPECT_EQ(TryRead(*OpenFile("empty"), 0, 1), absl::StatusCode::kOutOfRange);
}

TEST_P(BackendConformanceTest, RangesThatOverflowAreInvalid) {
  const std::unique_ptr<File> file = Create("a", "0123456789");
  EXPECT_EQ(TryRead(*file, kMax, 1), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TryRead(*file, kMax - 9, 11), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TryWrite(*file, kMax, "x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadAll(*file), "0123456789");
}

TEST_P(BackendConformanceTest, ImpossibleSizesAreNoSpace) {
  const std::unique_ptr<File> file = Create("a", "0123456789");
  for (const uint64_t size : {kSignedLimit, kMax - 1}) {
    EXPECT_EQ(CodeOf(file->Reserve(size)), absl::StatusCode::kResourceExhausted) << size;
    EXPECT_EQ(CodeOf(file->Truncate(size)), absl::StatusCode::kResourceExhausted) << size;
    EXPECT_EQ(TryWrite(*file, size - 1, "x"), absl::StatusCode::kResourceExhausted) << size;
  }
  EXPECT_EQ(Read(*file, 0, 10), "0123456789");
}

TEST_P(BackendConformanceTest, ReserveGrowsWithZerosAndNeverShrinks) {
  const std::unique_ptr<File> file = Create("a", "text");
  EXPECT_TRUE(file->Reserve(0).ok());
  EXPECT_TRUE(file->Reserve(3).ok());
  EXPECT_EQ(ReadAll(*file), "text");
  ASSERT_TRUE(file->Reserve(200'001).ok());
  EXPECT_EQ(ReadAll(*file), "text" + std::string(200'001 - 4, '\0'));
  Write(*file, 200'000, "!");
  ASSERT_TRUE(file->Reserve(100).ok());
  ASSERT_TRUE(file->Reserve(200'001).ok());
  EXPECT_EQ(*file->Size(), 200'001u);
  EXPECT_EQ(Read(*file, 200'000, 1), "!");
}

TEST_P(BackendConformanceTest, ReserveFillsHoles) {
  const std::unique_ptr<File> file = Create("a", "x");
  ASSERT_TRUE(file->Truncate(100'000).ok());
  Write(*file, 50'000, "y");
  ASSERT_TRUE(file->Reserve(100'000).ok());
  EXPECT_EQ(Read(*file, 50'000, 1), "y");
  EXPECT_EQ(*file->Size(), 100'000u);
}

TEST_P(BackendConformanceTest, TruncateSetsTheEnd) {
  const std::unique_ptr<File> file = Create("a", Pattern(100'000));
  ASSERT_TRUE(file->Truncate(70'001).ok());
  EXPECT_EQ(ReadAll(*file), Pattern(70'001));
  ASSERT_TRUE(file->Truncate(100'000).ok());
  EXPECT_EQ(ReadAll(*file), Pattern(70'001) + std::string(100'000 - 70'001, '\0'));
  ASSERT_TRUE(file->Truncate(0).ok());
  EXPECT_EQ(*file->Size(), 0u);
  EXPECT_TRUE(file->Truncate(0).ok());
}

TEST_P(BackendConformanceTest, ReadOnlyFilesRefuseChanges) {
  Create("a", "text");
  const std::unique_ptr<File> file = OpenFile("a", OpenMode::kReadOnly);
  EXPECT_EQ(TryWrite(*file, 0, "x"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(file->Reserve(100)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(file->Truncate(0)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReadAll(*file), "text");
}

TEST_P(BackendConformanceTest, SyncSucceedsAlsoOnAnEmptyFile) {
  const std::unique_ptr<File> file = OpenFile("a");
  EXPECT_TRUE(file->Sync().ok());
  Write(*file, 0, "x");
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(ReadAll(*file), "x");
}

TEST_P(BackendConformanceTest, SyncThroughAReadOnlyOpen) {
  const std::unique_ptr<File> writer = Create("a", "text");
  EXPECT_TRUE(OpenFile("a", OpenMode::kReadOnly)->Sync().ok());
  EXPECT_EQ(ReadAll(*writer), "text");
}

TEST_P(BackendConformanceTest, ErrorsNameTheFile) {
  Create("segment.7", "text");
  const std::unique_ptr<File> file = OpenFile("segment.7", OpenMode::kReadOnly);
  EXPECT_EQ(file->description(), backend().Describe() + "/segment.7");
  std::vector<std::byte> to(5);
  for (const absl::Status& status :
       {file->ReadAt(0, absl::MakeSpan(to)), file->WriteAt(0, Bytes("x")), file->Reserve(10),
        file->Truncate(0), file->Lock(0, 0, LockKind::kShared, absl::ZeroDuration()),
        file->Lock(0, 1, LockKind::kExclusive, absl::ZeroDuration()),
        backend().Open("segment.8", OpenMode::kReadOnly).status(),
        backend().Open("segment.7", OpenMode::kCreateNew).status(),
        backend().Remove("segment.9")}) {
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(absl::StrContains(status.message(), backend().Describe() + "/segment.")) << status;
  }
}

TEST_P(BackendConformanceTest, LargePiecesAmongSmallOnes) {
  const std::string large = Pattern(200'001);
  const std::vector<absl::Span<const std::byte>> pieces = {
      Bytes(large).subspan(0, 1),          Bytes(large).subspan(1, 99'999),
      Bytes(large).subspan(100'000, 0),    Bytes(large).subspan(100'000, 16'384),
      Bytes(large).subspan(116'384, 1),    Bytes(large).subspan(116'385, 16'383),
      Bytes(large).subspan(132'768, 2000), Bytes(large).subspan(134'768)};
  const std::unique_ptr<File> file = Create("a", "#");
  ASSERT_TRUE(file->WriteAt(70'000, absl::MakeConstSpan(pieces)).ok());
  EXPECT_EQ(ReadAll(*file), "#" + std::string(69'999, '\0') + large);
}

TEST_P(BackendConformanceTest, ThreadsWriteTheirOwnParts) {
  constexpr size_t kPart = 10'000;
  const std::unique_ptr<File> file = OpenFile("a");
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string mine(100, static_cast<char>('a' + t));
      for (size_t at = t * kPart; at < (t + 1) * kPart; at += mine.size()) {
        Write(*file, at, mine);
        EXPECT_EQ(Read(*file, at, mine.size()), mine);
        EXPECT_TRUE(file->Reserve(at + 1000).ok());
        EXPECT_TRUE(file->Size().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < 4; ++t) {
    EXPECT_EQ(Read(*file, t * kPart, kPart), std::string(kPart, static_cast<char>('a' + t)));
  }
}

}  // namespace numpack
