#include "numpack/base/codec.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

TEST(CodecTest, WritesLittleEndian) {
  std::string out;
  Encoder encoder(&out);
  encoder.U8(0x01);
  encoder.U16(0x0302);
  encoder.U32(0x07060504);
  encoder.U64(0x0f0e0d0c0b0a0908);
  encoder.Bytes("hi");
  EXPECT_EQ(out, absl::string_view("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\2\0\0\0hi", 21));
}

TEST(CodecTest, ReadsBackWhatWasWritten) {
  std::string out;
  Encoder encoder(&out);
  encoder.U8(0xff);
  encoder.U16(0xfffe);
  encoder.U32(0xfffffffd);
  encoder.U64(0xfffffffffffffffc);
  encoder.Bytes("");
  encoder.Bytes(absl::string_view("a\0b", 3));

  Decoder decoder(out);
  EXPECT_EQ(decoder.remaining(), out.size());
  EXPECT_EQ(decoder.U8(), 0xff);
  EXPECT_EQ(decoder.U16(), 0xfffe);
  EXPECT_EQ(decoder.U32(), 0xfffffffd);
  EXPECT_EQ(decoder.U64(), 0xfffffffffffffffc);
  EXPECT_EQ(decoder.Bytes(), "");
  EXPECT_EQ(decoder.Bytes(), absl::string_view("a\0b", 3));
  EXPECT_EQ(decoder.remaining(), 0u);
  EXPECT_FALSE(decoder.failed());
}

TEST(CodecTest, BytesPointIntoTheBuffer) {
  const std::string input("\1\0\0\0x", 5);
  EXPECT_EQ(Decoder(input).Bytes().data(), input.data() + 4);
}

// Every cut of a valid message fails, and nothing is read behind the cut.
TEST(CodecTest, TruncatedInputFails) {
  std::string whole;
  Encoder encoder(&whole);
  encoder.U64(1);
  encoder.Bytes("abc");
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);  // its own allocation, for AddressSanitizer
    Decoder decoder(cut);
    decoder.U64();
    EXPECT_EQ(decoder.Bytes(), "") << length;
    EXPECT_TRUE(decoder.failed()) << length;
  }
}

TEST(CodecTest, FailureSticks) {
  Decoder decoder(absl::string_view("\1\2\3", 3));
  EXPECT_EQ(decoder.U32(), 0u);
  EXPECT_TRUE(decoder.failed());
  EXPECT_EQ(decoder.U8(), 0) << "what was left is no longer trusted";
  EXPECT_EQ(decoder.remaining(), 0u);
  EXPECT_TRUE(decoder.failed());
}

TEST(CodecTest, AbsurdLengthFails) {
  Decoder decoder(
      absl::string_view("\xff\xff\xff\xff"
                        "abc",
                        7));
  EXPECT_EQ(decoder.Bytes(), "");
  EXPECT_TRUE(decoder.failed());
}

}  // namespace
}  // namespace numpack
