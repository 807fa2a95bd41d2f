#include "numpack/backends/backend.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(ValidateFileNameTest, AcceptsTheStoresNames) {
  for (const char* name :
       {"log.1", "segment.18446744073709551615", "writer.lock", "head", "slot.0", "a", "0", "_",
        "-", "a.b-c_d", "console", "com", "com10", "nul-", "lpt"}) {
    EXPECT_TRUE(ValidateFileName(name).ok()) << name;
  }
  EXPECT_TRUE(ValidateFileName(std::string(64, 'x')).ok());
}

TEST(ValidateFileNameTest, RefusesEverythingElse) {
  for (const char* name : {"",
                           ".",
                           "..",
                           ".hidden",
                           "end.",
                           "../x",
                           "a/b",
                           "a\\b",
                           "A",
                           "a b",
                           "a:b",
                           "c:",
                           "con",
                           "nul.txt",
                           "aux",
                           "prn.",
                           "com1",
                           "lpt9.log",
                           "\xf0\x9f\x98\x80",
                           "a\n"}) {
    EXPECT_EQ(ValidateFileName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(ValidateFileName(std::string(65, 'x')).ok());
  EXPECT_FALSE(ValidateFileName(absl::string_view("a\0b", 3)).ok());
}

TEST(ValidateFileNameTest, MessageStaysShortAndPrintable) {
  const absl::Status status = ValidateFileName(std::string(100000, '\n'));
  EXPECT_LT(status.message().size(), 300u);
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
}

TEST(ValidateForeignNameTest, AcceptsWhatOtherProgramsWrite) {
  for (const char* name : {"metadata.npkm", "data_W.npkd", "data_\xc3\xa4 \xe2\x82\xac.npkd", ".x",
                           "...", "a.", "con", "a\\b", "data_x_segments/seg_000000.npkd", "a\nb"}) {
    EXPECT_TRUE(ValidateForeignName(name).ok()) << name;
  }
  EXPECT_TRUE(ValidateForeignName(std::string(255, 'x') + "/" + std::string(255, 'y')).ok());
}

TEST(ValidateForeignNameTest, RefusesWhatLeadsOutOfTheDirectory) {
  for (const char* name : {"", ".", "..", "/", "/a", "a/", "a//b", "../a", "a/..", "./a", "a/.",
                           "a/b/c", "a/../b", "/etc/passwd"}) {
    EXPECT_EQ(ValidateForeignName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(ValidateForeignName(std::string(256, 'x')).ok());
  EXPECT_FALSE(ValidateForeignName("a/" + std::string(256, 'x')).ok());
  EXPECT_FALSE(ValidateForeignName(absl::string_view("a\0b", 3)).ok());
}

}  // namespace
}  // namespace numpack
