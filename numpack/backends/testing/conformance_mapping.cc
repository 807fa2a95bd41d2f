// Conformance: mapped regions. Backends that claim no mappings say Unimplemented, and are skipped
// by name.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>  // NOLINT(build/c++11)
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

constexpr AccessPattern kAllPatterns[] = {AccessPattern::kNormal, AccessPattern::kSequential,
                                          AccessPattern::kRandom, AccessPattern::kWillNeed,
                                          AccessPattern::kDoneWith};

}  // namespace

#define NUMPACK_SKIP_WITHOUT_MAPPINGS() \
  if (!GetParam().capabilities.mappings) GTEST_SKIP() << "no mappings"

TEST_P(BackendConformanceTest, MapIsUnimplementedWhereNotClaimed) {
  if (GetParam().capabilities.mappings) GTEST_SKIP() << "has mappings";
  const std::unique_ptr<File> file = Create("a", "text");
  EXPECT_EQ(CodeOf(file->Map(0, 4, MapMode::kReadOnly)), absl::StatusCode::kUnimplemented);
}

TEST_P(BackendConformanceTest, MapsAnyRange) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::string contents = Pattern(300'001);
  const std::unique_ptr<File> file = Create("a", contents);
  for (const size_t offset :
       {0, 1, 64, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 299'999, 300'000}) {
    for (const size_t length :
         {size_t{1}, size_t{4096}, size_t{65536}, size_t{100'001}, contents.size()}) {
      const size_t fits = std::min(length, contents.size() - offset);
      EXPECT_EQ(Text(Map(*file, offset, fits)), contents.substr(offset, fits))
          << offset << " " << fits;
    }
  }
}

TEST_P(BackendConformanceTest, EmptyMappingsAreEmptyRegions) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = OpenFile("a");
  for (const uint64_t offset : {0, 1, 1'000'000}) {
    MappedRegion region = Map(*file, offset, 0, MapMode::kReadWrite);
    EXPECT_TRUE(region.empty());
    EXPECT_TRUE(region.Flush().ok());
    EXPECT_TRUE(region.MakePrivate().ok());
  }
  EXPECT_TRUE(file->Truncate(0).ok()) << "an empty region holds nothing";
}

TEST_P(BackendConformanceTest, MappingPastTheEndIsOutOfRange) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", "0123456789");
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{0, 11},
                                       {9, 2},
                                       {10, 1},
                                       {5000, 1},
                                       {0, uint64_t{1} << 50},
                                       {uint64_t{1} << 50, 1},
                                       {kMax - 1, 1}}) {
    EXPECT_EQ(CodeOf(file->Map(offset, length, MapMode::kReadOnly)), absl::StatusCode::kOutOfRange)
        << offset << " " << length;
  }
  EXPECT_EQ(CodeOf(file->Map(kMax, 1, MapMode::kReadOnly)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(file->Map(1, kMax, MapMode::kReadOnly)), absl::StatusCode::kInvalidArgument);
}

TEST_P(BackendConformanceTest, ReadOnlyFilesMapReadOnly) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  Create("a", "text");
  const std::unique_ptr<File> file = OpenFile("a", OpenMode::kReadOnly);
  EXPECT_EQ(CodeOf(file->Map(0, 4, MapMode::kReadWrite)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Text(Map(*file, 0, 4)), "text");
}

TEST_P(BackendConformanceTest, StoresReachTheFile) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(200'000));
  MappedRegion region = Map(*file, 70'001, 100, MapMode::kReadWrite);
  Store(region, 0, "stored");
  EXPECT_EQ(Read(*file, 70'001, 6), "stored");
  EXPECT_EQ(Read(*file, 0, 70'001), Pattern(70'001));
  EXPECT_EQ(Read(*OpenFile("a", OpenMode::kReadOnly), 70'001, 6), "stored");
  ASSERT_TRUE(region.Flush().ok());
  ASSERT_TRUE(region.Flush(3, 1).ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(Read(*file, 70'001, 6), "stored");
}

TEST_P(BackendConformanceTest, WritesReachMappings) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(200'000));
  const MappedRegion region = Map(*file, 65'000, 1000);
  Write(*file, 65'530, "0123456789");
  EXPECT_EQ(Text(region).substr(530, 10), "0123456789");
  Write(*OpenFile("a", OpenMode::kReadWrite), 65'530, "abc");
  EXPECT_EQ(Text(region).substr(530, 10), "abc3456789");
}

TEST_P(BackendConformanceTest, MappingsSeeEachOther) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(200'000));
  MappedRegion writer = Map(*file, 100, 150'000, MapMode::kReadWrite);
  const MappedRegion same_open = Map(*file, 0, 200'000);
  const MappedRegion other_open = Map(*OpenFile("a", OpenMode::kReadOnly), 70'000, 100);
  Store(writer, 69'900, "stored");
  EXPECT_EQ(Text(same_open).substr(70'000, 6), "stored");
  EXPECT_EQ(Text(other_open).substr(0, 6), "stored");
}

TEST_P(BackendConformanceTest, SyncTakesWhatWasStoredThroughMappings) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(200'000));
  const std::unique_ptr<File> other = OpenFile("a", OpenMode::kReadWrite);
  {
    MappedRegion region = Map(*file, 70'001, 100'000, MapMode::kReadWrite);
    MappedRegion overlapping = Map(*other, 0, 70'010, MapMode::kReadWrite);
    Store(region, 0, "stored");
    EXPECT_TRUE(other->Sync().ok()) << "whichever open it was mapped through";
    Store(overlapping, 1, "also");
    EXPECT_TRUE(file->Sync().ok());
    Store(region, 99'990, "at the end");
  }
  EXPECT_TRUE(file->Sync().ok()) << "unmapped by now";
  std::string expected = Pattern(200'000);
  expected.replace(1, 4, "also").replace(70'001, 6, "stored").replace(169'991, 10, "at the end");
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kReadOnly)), expected);
}

TEST_P(BackendConformanceTest, ThreadsSyncWhileOthersMapAndUnmap) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(300'000));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 50; ++round) {
        MappedRegion region = Map(*file, t * 100'000, 100'000, MapMode::kReadWrite);
        Store(region, round, std::string(1, static_cast<char>('a' + t)));
      }
    });
  }
  threads.emplace_back([&] {
    for (int round = 0; round < 20; ++round) EXPECT_TRUE(file->Sync().ok());
  });
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(Read(*file, t * 100'000, 50), std::string(50, static_cast<char>('a' + t)));
  }
}

TEST_P(BackendConformanceTest, ManyMappingsOfOneFileAreOneFile) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(100'000));
  std::vector<MappedRegion> regions;
  for (uint64_t i = 0; i < 300; ++i)
    regions.push_back(Map(*file, i * 300, 10'000, MapMode::kReadWrite));
  Store(regions[150], 0, "seen");  // at 45,000
  for (size_t i = 120; i < 150; ++i) {
    EXPECT_EQ(Text(regions[i]).substr(45'000 - i * 300, 4), "seen") << i;
  }
}

// The case that a growing buffer which moves gets wrong.
TEST_P(BackendConformanceTest, MappingsStayCoherentWhenTheFileGrows) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(5000));
  MappedRegion early = Map(*file, 0, 5000, MapMode::kReadWrite);
  for (const uint64_t size : {10'000, 100'000, 3'000'000, 20'000'000}) {
    if (size % 3 == 0) {
      ASSERT_TRUE(file->Reserve(size).ok());
    } else {
      Write(*file, size - 3, "end");
    }
    const std::string mark = std::to_string(size);
    MappedRegion late = Map(*file, 0, size, MapMode::kReadWrite);
    Write(*file, 0, mark);
    EXPECT_EQ(Text(early).substr(0, mark.size()), mark);
    EXPECT_EQ(Text(late).substr(0, mark.size()), mark);
    Store(early, 100, mark);
    EXPECT_EQ(Text(late).substr(100, mark.size()), mark);
    EXPECT_EQ(Read(*file, 100, mark.size()), mark);
    Store(late, 4096, mark);
    EXPECT_EQ(Text(early).substr(4096, mark.size()), mark);
  }
}

TEST_P(BackendConformanceTest, RegionOutlivesEverything) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  std::unique_ptr<File> file = Create("a", Pattern(100'000));
  MappedRegion region = Map(*file, 10, 99'990, MapMode::kReadWrite);
  ASSERT_TRUE(backend().Remove("a").ok());
  file.reset();
  DropBackend();
  EXPECT_EQ(Text(region), Pattern(100'000).substr(10));
  Store(region, 0, "x");
  EXPECT_TRUE(region.Flush().ok());
  EXPECT_EQ(Text(region).substr(0, 1), "x");
}

TEST_P(BackendConformanceTest, NewFileOfTheSameNameIsNotInOldMappings) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  std::unique_ptr<File> file = Create("a", "old");
  const MappedRegion region = Map(*file, 0, 3);
  ASSERT_TRUE(backend().Remove("a").ok());
  const std::unique_ptr<File> new_file = Create("a", "new");
  EXPECT_TRUE(new_file->Truncate(0).ok()) << "nobody has mapped this one";
  EXPECT_EQ(Text(region), "old");
}

TEST_P(BackendConformanceTest, RemovingAMappedFileFreesItsName) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  std::unique_ptr<File> file = Create("a", Pattern(100'000));
  MappedRegion region = Map(*file, 0, 100'000, MapMode::kReadWrite);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(backend().Remove("a").ok());
    EXPECT_EQ(CodeOf(backend().Remove("a")), absl::StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kReadWrite)), absl::StatusCode::kNotFound);
    EXPECT_TRUE(backend().List()->empty());
    if (GetParam().reopen) {
      EXPECT_TRUE(GetParam().reopen(backend())->List()->empty());
    }
    const std::unique_ptr<File> next = Create("a", "next");
    const MappedRegion next_region = Map(*next, 0, 4);
    EXPECT_EQ(Text(next_region), "next");
    ASSERT_TRUE(backend().Remove("a").ok());
    Create("a", "last");
  }
  Store(region, 0, "kept");
  EXPECT_EQ(Read(*file, 0, 4), "kept");
  EXPECT_EQ(Text(region).substr(4), Pattern(100'000).substr(4));
  region = MappedRegion();
  file.reset();
  EXPECT_EQ(*backend().List(), std::vector<std::string>{"a"});
  EXPECT_EQ(ReadAll(*OpenFile("a", OpenMode::kReadOnly)), "last");
}

TEST_P(BackendConformanceTest, TruncatingBelowALiveMappingIsRefused) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  std::unique_ptr<File> file = Create("a", Pattern(200'000));
  const std::unique_ptr<File> other = OpenFile("a", OpenMode::kReadWrite);
  {
    const MappedRegion shorter = Map(*file, 0, 10);
    const MappedRegion region = Map(*file, 70'000, 30'000);
    file.reset();  // the mapping counts all the same
    EXPECT_EQ(CodeOf(other->Truncate(0)), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(CodeOf(other->Truncate(99'999)), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(*other->Size(), 200'000u);
    const absl::StatusCode behind = CodeOf(other->Truncate(150'000));
    if (GetParam().truncates_behind_mappings || behind != absl::StatusCode::kFailedPrecondition) {
      EXPECT_EQ(behind, absl::StatusCode::kOk);
      EXPECT_EQ(*other->Size(), 150'000u);
    }
    EXPECT_TRUE(other->Truncate(300'000).ok());
    EXPECT_EQ(Text(region), Pattern(200'000).substr(70'000, 30'000));
  }
  EXPECT_TRUE(other->Truncate(99'999).ok());
  EXPECT_TRUE(other->Truncate(0).ok());
}

TEST_P(BackendConformanceTest, AdviceAndPrefaultKeepTheContents) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(200'000));
  MappedRegion region = Map(*file, 5000, 150'000, MapMode::kReadWrite);
  EXPECT_TRUE(region.PrefaultForWriting(0, region.size()).ok());
  EXPECT_TRUE(region.PrefaultForWriting(4097, 1).ok());
  Store(region, 0, "stored");
  for (const AccessPattern pattern : kAllPatterns) {
    region.Advise(0, region.size(), pattern);
    region.Advise(1, 2, pattern);
  }
  EXPECT_EQ(Text(region).substr(0, 6), "stored");
  EXPECT_EQ(Text(region).substr(6), Pattern(200'000).substr(5006, 149'994));
  EXPECT_EQ(Read(*file, 5000, 6), "stored");
}

TEST_P(BackendConformanceTest, MakePrivateIsUnimplementedOrWorks) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", "text");
  MappedRegion region = Map(*file, 0, 4, MapMode::kReadWrite);
  EXPECT_EQ(CodeOf(region.MakePrivate()),
            GetParam().makes_private ? absl::StatusCode::kOk : absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Text(region), "text");
}

TEST_P(BackendConformanceTest, PrivateMemoryIsCutOffFromTheFile) {
  if (!GetParam().makes_private) GTEST_SKIP() << "MakePrivate is not implemented";
  std::unique_ptr<File> file = Create("a", Pattern(200'000));
  MappedRegion region = Map(*file, 70'001, 100'000, MapMode::kReadWrite);
  const MappedRegion witness = Map(*file, 0, 200'000);
  Store(region, 0, "before");
  const std::byte* const address = region.data();
  ASSERT_TRUE(region.MakePrivate().ok());
  ASSERT_TRUE(region.MakePrivate().ok()) << "twice is once";
  EXPECT_EQ(region.data(), address);
  EXPECT_EQ(Text(region).substr(0, 6), "before");

  Store(region, 50'000, "private");
  EXPECT_TRUE(region.PrefaultForWriting(0, region.size()).ok());
  EXPECT_TRUE(region.Flush().ok());
  for (const AccessPattern pattern : kAllPatterns) region.Advise(0, region.size(), pattern);
  EXPECT_EQ(Text(region).substr(50'000, 7), "private");
  EXPECT_EQ(Read(*file, 70'001, 6), "before");
  EXPECT_EQ(Text(witness).substr(120'001, 7), Pattern(200'000).substr(120'001, 7));
  EXPECT_EQ(CodeOf(file->Truncate(0)), absl::StatusCode::kFailedPrecondition)
      << "pages still show the file";
}

TEST_P(BackendConformanceTest, MemoryCanBeMadePrivateAfterTheFileIsGone) {
  if (!GetParam().makes_private) GTEST_SKIP() << "MakePrivate is not implemented";
  std::unique_ptr<File> file = Create("a", Pattern(100'000));
  MappedRegion region = Map(*file, 1, 99'999, MapMode::kReadWrite);
  const MappedRegion witness = Map(*file, 0, 100'000);
  file.reset();
  ASSERT_TRUE(backend().Remove("a").ok());
  DropBackend();
  ASSERT_TRUE(region.MakePrivate().ok());
  Store(region, 500, "writable now");
  EXPECT_EQ(Text(region).substr(500, 12), "writable now");
  EXPECT_EQ(Text(region).substr(512), Pattern(100'000).substr(513));
  EXPECT_EQ(Text(witness), Pattern(100'000));
}

TEST_P(BackendConformanceTest, ThreadsMapWhileTheFileChangesSize) {
  NUMPACK_SKIP_WITHOUT_MAPPINGS();
  const std::unique_ptr<File> file = Create("a", Pattern(100'000));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 200; ++round) {
        const size_t offset = t * 1000 + round;
        EXPECT_EQ(Text(Map(*file, offset, 5000)), Pattern(10'000).substr(offset, 5000));
      }
    });
  }
  threads.emplace_back([&] {
    for (uint64_t round = 0; round < 200; ++round) {
      const absl::StatusCode code = CodeOf(file->Truncate(50'000 + 10'000 * (round % 3)));
      if (GetParam().truncates_behind_mappings || code != absl::StatusCode::kFailedPrecondition) {
        EXPECT_EQ(code, absl::StatusCode::kOk) << "behind every mapping";
      }
      Write(*file, 20'000, Pattern(1000));  // nowhere near what the others look at
    }
  });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace numpack
