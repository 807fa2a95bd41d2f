#include "numpack/base/utf8.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

// As the definition has it: code points without surrogates, each in its shortest form.
std::string Encode(int code) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8Test, TakesEveryCharacterAndNoSurrogate) {
  for (int code = 0; code < 0x110000; ++code) {
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    ASSERT_EQ(IsUtf8(Encode(code)), !surrogate) << std::hex << code;
  }
  EXPECT_FALSE(IsUtf8(Encode(0x110000)));
}

TEST(Utf8Test, RefusesWhatIsMalformed) {
  for (const char* bytes :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "\xc3(", "\xe2(\xa1", "\xe2\x82(", "\xf0\x9f\x98("}) {
    EXPECT_FALSE(IsUtf8(bytes)) << testing::PrintToString(std::string(bytes));
    EXPECT_FALSE(IsUtf8(std::string("text ") + bytes));
  }
}

TEST(Utf8Test, TakesWholeTexts) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_TRUE(IsUtf8(absl::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace numpack
