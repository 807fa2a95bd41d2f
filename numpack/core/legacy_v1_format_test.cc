#include "numpack/core/legacy_v1_format.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/base/codec.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack::legacy_v1 {
namespace {

// A metadata file field by field; each test breaks one.
struct Fields {
  uint32_t magic = 0x424B504E;
  uint32_t version = 1;
  uint32_t count = 1;
  std::string name = "w";
  uint32_t rank = 2;
  std::vector<uint64_t> axes = {3, 4};
  std::string data_file = "data_w.npkd";
  uint64_t nbytes = 48;
  uint8_t dtype = static_cast<uint8_t>(DType::kFloat32);
  uint8_t algorithm = 0;
  uint8_t blocks = 0;
  int copies = 1;
  std::string rest;

  std::string Bytes() const {
    std::string bytes;
    Encoder out(&bytes);
    out.U32(magic);
    out.U32(version);
    out.U64(nbytes);
    out.U32(count);
    for (int i = 0; i < copies; ++i) {
      out.Bytes(name);
      out.U32(rank);
      for (const uint64_t axis : axes) out.U64(axis);
      out.Bytes(data_file);
      out.U64(1234567);
      out.U64(nbytes);
      out.U8(dtype);
      out.U8(algorithm);
      out.U32(0);
      out.U64(0);
      out.U64(0);
      out.U8(blocks);
    }
    return bytes + rest;
  }
};

absl::Status Parse(const Fields& fields) {
  return ParseMetadata(fields.Bytes(), "dir/metadata.npkm").status();
}

void ExpectRefused(const Fields& fields, absl::string_view text, absl::string_view place,
                   absl::StatusCode code = absl::StatusCode::kDataLoss) {
  const absl::Status status = Parse(fields);
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), text)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("dir/metadata.npkm", place)))
      << status;
}

TEST(LegacyMetadataTest, ReadsAnArray) {
  const absl::StatusOr<std::vector<ArrayRecord>> arrays = ParseMetadata(Fields().Bytes(), "file");
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  ASSERT_EQ(arrays->size(), 1u);
  const ArrayRecord& array = arrays->front();
  EXPECT_EQ(array.name, "w");
  EXPECT_EQ(array.dtype, DType::kFloat32);
  EXPECT_EQ(array.shape, (Shape{3, 4}));
  EXPECT_EQ(array.data_file, "data_w.npkd");
  EXPECT_EQ(array.modified_us, 1234567u);
  EXPECT_EQ(array.nbytes, 48u);
}

TEST(LegacyMetadataTest, WritesWhatItReads) {
  const std::string bytes = Fields().Bytes();
  EXPECT_EQ(*EncodeMetadata(*ParseMetadata(bytes, "file")), bytes);
  EXPECT_TRUE(ParseMetadata(*EncodeMetadata({}), "file")->empty());
  ArrayRecord bad;
  bad.name = "\xff";
  EXPECT_EQ(EncodeMetadata({bad}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LegacyMetadataTest, RefusesAnotherFile) {
  Fields fields;
  fields.magic = 0x4C4B504E;
  ExpectRefused(fields, "no metadata file", ", byte 0");
  fields = Fields();
  fields.version = 2;
  ExpectRefused(fields, "version 2", "", absl::StatusCode::kFailedPrecondition);
}

TEST(LegacyMetadataTest, RefusesAbsurdCounts) {
  Fields fields;
  fields.count = 0xffffffff;
  ExpectRefused(fields, "claims 4294967295 arrays", ", byte 0");
  fields.count = 2;
  ExpectRefused(fields, "claims 2 arrays", "");
  fields.count = 0;
  ExpectRefused(fields, "bytes follow the last array", ", byte 20");
  fields = Fields();
  fields.rank = 65;
  ExpectRefused(fields, "claims 65 axes", ", byte 25");
  fields.rank = 0xffffffff;
  ExpectRefused(fields, "axes", "");
}

TEST(LegacyMetadataTest, RefusesAbsurdLengths) {
  std::string bytes = Fields().Bytes();
  for (const size_t at : {size_t{20}, size_t{45}}) {  // of the name, of the file's name
    std::string broken = bytes;
    broken.replace(at, 4, "\xff\xff\xff\xff");
    const absl::Status status = ParseMetadata(broken, "file").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("file, byte ", at))) << status;
  }
  Fields fields;
  fields.name = std::string((1 << 20) + 1, 'x');
  const absl::Status status = Parse(fields);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_LT(status.message().size(), 400u) << "names of a hostile file make no endless messages";
}

TEST(LegacyMetadataTest, RefusesSizesThatOverflowOrDoNotAgree) {
  Fields fields;
  fields.axes = {uint64_t{1} << 62, 4};
  fields.nbytes = 0;  // what the product wraps to
  ExpectRefused(fields, "array 'w'", ", byte 68");
  fields.axes = {uint64_t{1} << 63, 1};
  ExpectRefused(fields, "has an axis of 9223372036854775808", "");
  fields = Fields();
  fields.nbytes = 47;
  ExpectRefused(fields, "has 48 bytes, not 47", ", byte 68");
}

TEST(LegacyMetadataTest, RefusesUnknownTypesAndCompression) {
  Fields fields;
  fields.dtype = 14;
  ExpectRefused(fields, "dtype code 14", "");
  fields.dtype = 255;
  ExpectRefused(fields, "dtype code 255", "");
  fields = Fields();
  fields.algorithm = 1;
  ExpectRefused(fields, "compressed", ", byte 77", absl::StatusCode::kUnimplemented);
  fields = Fields();
  fields.blocks = 1;
  ExpectRefused(fields, "compressed", "", absl::StatusCode::kUnimplemented);
}

TEST(LegacyMetadataTest, RefusesBadNames) {
  Fields fields;
  fields.name = "\xc3(";
  ExpectRefused(fields, "no UTF-8", ", byte 20");
  fields = Fields();
  fields.count = fields.copies = 2;
  ExpectRefused(fields, "second array 'w'", "");
}

TEST(LegacyMetadataTest, RefusesEveryCut) {
  const std::string bytes = Fields().Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status =
        ParseMetadata(absl::string_view(bytes).substr(0, size), "f").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size << ": " << status;
  }
  Fields fields;
  fields.rest = "x";
  ExpectRefused(fields, "1 bytes follow", absl::StrCat(", byte ", bytes.size()));
}

std::string Bitmap(const std::vector<uint64_t>& numbers) {
  std::string bytes;
  Encoder out(&bytes);
  for (const uint64_t number : numbers) out.U64(number);
  return bytes;
}

constexpr uint64_t kAll = ~uint64_t{0};

TEST(LegacyBitmapTest, TellsRunsOfAliveRows) {
  const auto alive = ParseBitmap(Bitmap({130, 4, kAll << 1, ~(uint64_t{3} << 30), 1}), 130, "f");
  ASSERT_TRUE(alive.ok()) << alive.status();
  EXPECT_EQ(alive->rows(), 130u);
  EXPECT_EQ(alive->alive(), 126u);
  std::vector<std::pair<uint64_t, uint64_t>> runs;
  for (auto run = alive->NextRun(0); run.begin < run.end; run = alive->NextRun(run.end))
    runs.emplace_back(run.begin, run.end);
  EXPECT_EQ(runs, (std::vector<std::pair<uint64_t, uint64_t>>{{1, 94}, {96, 129}}));
}

TEST(LegacyBitmapTest, NeedsNoHeading) {
  const auto alive = ParseBitmap(Bitmap({kAll - 1, kAll}), 70, "f");
  ASSERT_TRUE(alive.ok()) << alive.status();
  EXPECT_EQ(alive->alive(), 69u) << "bits behind the last row do not count";
  EXPECT_EQ(alive->NextRun(0).end, 70u);
  EXPECT_EQ(ParseBitmap(Bitmap({2}), 2, "f")->alive(), 1u) << "shorter than a heading";
  EXPECT_EQ(ParseBitmap(Bitmap({0, 0}), 0, "f")->alive(), 0u);
  EXPECT_EQ(ParseBitmap("", 0, "f")->alive(), 0u);
}

TEST(LegacyBitmapTest, RowsMayHaveComeBack) {
  EXPECT_EQ(ParseBitmap(Bitmap({20, 2, 0xfffff}), 20, "f")->alive(), 20u);
  const absl::Status status = ParseBitmap(Bitmap({20, 2, 0x1ffff}), 20, "f").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::StrContains(status.message(), "f, byte 8: the bitmap counts 2")) << status;
}

TEST(LegacyBitmapTest, RefusesAnotherSize) {
  for (const auto& [bytes, rows] : std::vector<std::pair<std::string, uint64_t>>{
           {Bitmap({21, 2, 1}), 20},          // the heading is for another array
           {Bitmap({20, 2}), 20},             // no words
           {Bitmap({20, 2, 1, 1}), 20},       // one too many
           {Bitmap({20, 2, 1}) + "x", 20},    //
           {"1234567", 20},                   //
           {"", 1},                           //
           {Bitmap({kAll, 0, 1}), kAll},      // words that no memory could hold
           {Bitmap({1}), uint64_t{1} << 62},  //
       }) {
    const absl::Status status = ParseBitmap(bytes, rows, "dir/deleted_w.npkb").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << rows << ": " << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "dir/deleted_w.npkb, byte 0")) << status;
  }
}

}  // namespace
}  // namespace numpack::legacy_v1
