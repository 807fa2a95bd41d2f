// Conformance: files that another program named, and new names for files.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/testing/conformance_suite.h"

namespace numpack {
namespace {

// Legal on every system, yet no name of a store's own file.
constexpr char kForeign[] = "data_\xc3\x84rger 1.npkd";
constexpr char kInFolder[] = "data_x_segments/seg_000000.npkd";

std::vector<std::string> SortedNames(Backend& backend) {
  absl::StatusOr<std::vector<std::string>> names = backend.List();
  EXPECT_TRUE(names.ok()) << names.status();
  if (!names.ok()) return {};
  std::sort(names->begin(), names->end());
  return *names;
}

}  // namespace

TEST_P(BackendConformanceTest, ForeignFilesAreUnimplementedUnlessClaimed) {
  if (GetParam().capabilities.foreign_files) GTEST_SKIP() << "claimed";
  Create("a", "x");
  EXPECT_EQ(CodeOf(backend().OpenForeign("a", OpenMode::kReadOnly)),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(CodeOf(backend().Rename("a", "b")), absl::StatusCode::kUnimplemented);
}

TEST_P(BackendConformanceTest, RenamesToAndFromForeignNames) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  Create("a", "text");
  ASSERT_TRUE(backend().Rename("a", kForeign).ok());
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{kForeign});
  EXPECT_EQ(CodeOf(backend().Open("a", OpenMode::kReadOnly)), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadAll(*OpenForeign(kForeign, OpenMode::kReadOnly)), "text");
  ASSERT_TRUE(backend().Rename(kForeign, "segment.1").ok());
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{"segment.1"});
  EXPECT_EQ(ReadAll(*OpenFile("segment.1", OpenMode::kReadOnly)), "text");
  EXPECT_TRUE(backend().SyncDirectory().ok());
}

TEST_P(BackendConformanceTest, RenameReplacesNothing) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  Create("a", "first");
  Create("b", "second");
  EXPECT_EQ(CodeOf(backend().Rename("a", "b")), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(backend().Rename("a", "a")), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(backend().Rename("gone", "c")), absl::StatusCode::kNotFound);
  EXPECT_EQ(SortedNames(backend()), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ReadAll(*OpenFile("a")), "first");
  EXPECT_EQ(ReadAll(*OpenFile("b")), "second");
}

TEST_P(BackendConformanceTest, RenamedFileServesWhoHasItOpen) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  const std::unique_ptr<File> file = Create("a", "text");
  const MappedRegion region = GetParam().capabilities.mappings ? Map(*file, 0, 4) : MappedRegion();
  ASSERT_TRUE(backend().Rename("a", kForeign).ok());
  Write(*file, 0, "T");
  EXPECT_EQ(ReadAll(*OpenForeign(kForeign, OpenMode::kReadOnly)), "Text");
  if (!region.empty()) {
    EXPECT_EQ(Text(region), "Text");
  }
  EXPECT_EQ(ReadAll(*Create("a", "new")), "new");
}

TEST_P(BackendConformanceTest, ForeignFilesAreOpenedNotMade) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  Create("a", "text");
  ASSERT_TRUE(backend().Rename("a", kForeign).ok());
  EXPECT_EQ(CodeOf(backend().OpenForeign("Gone", OpenMode::kReadOnly)),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(backend().OpenForeign("gone/a", OpenMode::kReadOnly)),
            absl::StatusCode::kNotFound);
  for (const OpenMode mode : {OpenMode::kCreate, OpenMode::kCreateNew}) {
    EXPECT_EQ(CodeOf(backend().OpenForeign(kForeign, mode)), absl::StatusCode::kInvalidArgument);
  }
  Write(*OpenForeign(kForeign, OpenMode::kReadWrite), 4, "s");
  const auto read_only = backend().OpenForeign(kForeign, OpenMode::kReadOnly);
  ASSERT_TRUE(read_only.ok()) << read_only.status();
  EXPECT_EQ(ReadAll(**read_only), "texts");
  EXPECT_EQ(CodeOf((*read_only)->Reserve(10)), absl::StatusCode::kPermissionDenied);
}

TEST_P(BackendConformanceTest, ForeignNamesStayInTheDirectory) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  Create("a", "text");
  const std::vector<std::string> names = {"",
                                          ".",
                                          "..",
                                          "../a",
                                          "/a",
                                          "a/",
                                          "b//a",
                                          "b/..",
                                          "b/./a",
                                          "b/c/a",
                                          "../../etc/passwd",
                                          std::string("a\0b", 3),
                                          std::string(256, 'a')};
  for (const std::string& name : names) {
    EXPECT_EQ(CodeOf(backend().OpenForeign(name, OpenMode::kReadOnly)),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(CodeOf(backend().Rename("a", name)), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(CodeOf(backend().Rename(name, "b")), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(SortedNames(backend()), std::vector<std::string>{"a"});
}

TEST_P(BackendConformanceTest, FindsForeignFilesInFolders) {
  if (!GetParam().capabilities.foreign_files) GTEST_SKIP() << "not claimed";
  if (!GetParam().add_foreign_file) GTEST_SKIP() << "no other way into this backend";
  GetParam().add_foreign_file(backend(), kInFolder);
  EXPECT_TRUE(SortedNames(backend()).empty());
  EXPECT_EQ(ReadAll(*OpenForeign(kInFolder, OpenMode::kReadOnly)), "foreign");
  EXPECT_FALSE(backend().OpenForeign("data_x_segments", OpenMode::kReadOnly).ok());
  ASSERT_TRUE(backend().Rename(kInFolder, "segment.1").ok());
  EXPECT_EQ(ReadAll(*OpenFile("segment.1", OpenMode::kReadOnly)), "foreign");
  EXPECT_EQ(CodeOf(backend().OpenForeign(kInFolder, OpenMode::kReadOnly)),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(backend().Rename("segment.1", "data_x_segments/back").ok());
  EXPECT_EQ(ReadAll(*OpenForeign("data_x_segments/back", OpenMode::kReadOnly)), "foreign");
}

}  // namespace numpack
