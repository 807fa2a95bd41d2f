#include "numpack/core/legacy_v1_manifest.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace numpack::legacy_v1 {
namespace {

constexpr absl::string_view kManifest =
    R"({"version":1,"segments":[{"file":"a/0.npkd","rows":3,"bytes":12}]})";

absl::Status Parse(absl::string_view text) { return ParseManifest(text, "x.npkseg").status(); }

// The manifest with `from`, which is in it once, replaced.
std::string With(absl::string_view from, absl::string_view to) {
  EXPECT_EQ(absl::StrReplaceAll(kManifest, {{from, ""}}).size() + from.size(), kManifest.size());
  return absl::StrReplaceAll(kManifest, {{from, to}});
}

TEST(LegacyManifestTest, ReadsParts) {
  const auto parts = ParseManifest(R"(
    {
      "segments" : [ {"bytes": 12, "rows": 3, "file": "one"},
        {"file":"two","rows":0,"bytes":0} ],
      "version" : 1
    }
  )",
                                   "x.npkseg");
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].file, "one");
  EXPECT_EQ((*parts)[0].rows, 3u);
  EXPECT_EQ((*parts)[0].bytes, 12u);
  EXPECT_EQ((*parts)[1].file, "two");
  EXPECT_TRUE(ParseManifest(R"({"version":1,"segments":[]})", "x")->empty());
}

TEST(LegacyManifestTest, ReadsEscapes) {
  const std::string text =
      With("a/0.npkd", "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00 \xc3\xa4\\u0041");
  const auto parts = ParseManifest(text, "x");
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ((*parts)[0].file,
            "\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xc3\xa4"
            "A");
}

TEST(LegacyManifestTest, RefusesBadTexts) {
  for (const char* file : {"\\x41", "\\u12", "\\u12g4", "\\ud83d", "\\ud83dx", "\\ud83d\\n",
                           "\\ud83d\\u0041", "\\ude00", "\xff", "\xc3", "\n", "\\"}) {
    EXPECT_EQ(Parse(With("a/0.npkd", file)).code(), absl::StatusCode::kDataLoss) << file;
  }
}

TEST(LegacyManifestTest, RefusesBadNumbers) {
  EXPECT_TRUE(ParseManifest(With("12", "18446744073709551615"), "x").ok());
  for (const char* number : {"18446744073709551616", "99999999999999999999999", "-1", "1.5", "1e3",
                             "012", "", "\"1\"", "null", "0x1", "+1"}) {
    EXPECT_EQ(Parse(With("12", number)).code(), absl::StatusCode::kDataLoss) << number;
  }
}

TEST(LegacyManifestTest, RefusesAnotherVersion) {
  const absl::Status status = Parse(With("\"version\":1", "\"version\":2"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

TEST(LegacyManifestTest, RefusesAnotherShape) {
  const std::string many(100000, '[');
  for (const std::string& text :
       {std::string("[]"), std::string("null"), std::string("{}"), many,
        std::string(R"({"version":1})"), absl::StrCat(kManifest, "x"),
        absl::StrCat(kManifest, kManifest), With("\"rows\":3,", ""), With("\"rows\"", "\"lines\""),
        With("\"rows\":3", "\"rows\":3,\"rows\":3"), With("12}", "12,}"), With("}]", "},]"),
        With("\"version\":1,", ""), With("\"version\":1", "\"version\":1,\"version\":1"),
        With("\"segments\":[", absl::StrCat("\"segments\":", many)),
        With("\"rows\":3", "\"rows\" 3"), With("\"rows\"", "rows"),
        With(",\"bytes\":12", ",\"bytes\":12,\"more\":1")}) {
    const absl::Status status = Parse(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text.substr(0, 100) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "x.npkseg, byte ")) << status;
  }
}

TEST(LegacyManifestTest, RefusesEveryCut) {
  for (size_t size = 0; size < kManifest.size(); ++size) {
    EXPECT_EQ(Parse(kManifest.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
}

}  // namespace
}  // namespace numpack::legacy_v1
