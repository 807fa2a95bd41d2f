#include "numpack/storage/record.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace numpack::storage {
namespace {

struct Log {
  std::string bytes;
  std::vector<size_t> ends;  // of the records
};

Log ThreeRecords() {
  Log log;
  uint32_t previous = 0;
  const std::vector<std::string> payloads = {"first", "", std::string(40, 'x')};
  uint64_t generation = 7;
  for (const std::string& payload : payloads) {
    EXPECT_EQ(AppendRecord(RecordKind::kCommit, generation++, payload, &previous, &log.bytes),
              absl::OkStatus());
    log.ends.push_back(log.bytes.size());
  }
  return log;
}

// Parses as far as it goes; returns the number of records.
size_t Parse(const std::string& bytes, size_t* stop) {
  size_t count = 0;
  uint32_t previous = 0;
  *stop = 0;
  while (const std::optional<Record> record = ParseRecord(bytes, *stop, previous)) {
    *stop += record->length;
    previous = record->checksum;
    ++count;
  }
  return count;
}

TEST(Record, RoundTrip) {
  const Log log = ThreeRecords();
  const std::optional<Record> first = ParseRecord(log.bytes, 0, 0);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->kind, RecordKind::kCommit);
  EXPECT_EQ(first->generation, 7u);
  EXPECT_EQ(first->payload, "first");
  EXPECT_EQ(first->length % 8, 0u);
  size_t stop = 0;
  EXPECT_EQ(Parse(log.bytes, &stop), 3u);
  EXPECT_EQ(stop, log.bytes.size());
  EXPECT_EQ(JudgeEnd(log.bytes, stop), LogEnd::kClean);
}

TEST(Record, BytesAreAsDocumented) {
  std::string bytes;
  uint32_t previous = 0x01020304;
  ASSERT_EQ(AppendRecord(RecordKind::kSeal, 5, "", &previous, &bytes), absl::OkStatus());
  ASSERT_EQ(bytes.size(), kRecordHeaderBytes + kRecordTrailerBytes);
  EXPECT_EQ(bytes.substr(0, 20), std::string("\x28\0\0\0"
                                             "\x07\0\0\0"
                                             "\x05\0\0\0\0\0\0\0"
                                             "\x04\x03\x02\x01",
                                             20));
  EXPECT_EQ(bytes.substr(28, 4), "\xC3\xD2\xA7\xB1");
  EXPECT_EQ(bytes.substr(36, 4), "\xB7\xA6\x9C\xE5");
}

// A write that stopped anywhere, in a file that was zero before, is recognized, and the records
// before it stay.
TEST(Record, EveryCutIsTornOrClean) {
  const Log log = ThreeRecords();
  for (size_t cut = 0; cut <= log.bytes.size(); ++cut) {
    std::string bytes = log.bytes.substr(0, cut);
    bytes.resize(log.bytes.size() + 100);
    size_t whole = 0;
    while (whole < log.ends.size() && log.ends[whole] <= cut) ++whole;
    size_t stop = 0;
    ASSERT_EQ(Parse(bytes, &stop), whole) << cut;
    const bool at_boundary = cut == 0 || (whole > 0 && log.ends[whole - 1] == cut);
    EXPECT_EQ(JudgeEnd(bytes, stop), at_boundary ? LogEnd::kClean : LogEnd::kTorn) << cut;
  }
}

// Except in the last record, where damage can look like an unfinished write, it is never taken for
// one.
TEST(Record, NoFlippedBitPasses) {
  const Log log = ThreeRecords();
  for (size_t bit = 0; bit < log.bytes.size() * 8; ++bit) {
    std::string bytes = log.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    size_t stop = 0;
    const size_t whole = Parse(bytes, &stop);
    ASSERT_LT(whole, 3u) << "bit " << bit;
    EXPECT_LE(stop, bit / 8);
    EXPECT_EQ(JudgeEnd(bytes, stop), LogEnd::kCorrupt) << "bit " << bit;
  }
}

TEST(Record, LeftoversOfAnOlderTailDoNotFit) {
  std::string bytes;
  uint32_t previous = 0;
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 1, "a", &previous, &bytes), absl::OkStatus());
  const uint32_t after_first = previous;
  const size_t end = bytes.size();
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 2, "old", &previous, &bytes), absl::OkStatus());
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 3, "older", &previous, &bytes), absl::OkStatus());
  std::string newer;
  uint32_t chain = after_first;
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 2, "new", &chain, &newer), absl::OkStatus());
  bytes.replace(end, newer.size(), newer);
  size_t stop = 0;
  EXPECT_EQ(Parse(bytes, &stop), 2u);
}

TEST(Record, SealBeyondDamageIsFound) {
  Log log = ThreeRecords();
  EXPECT_FALSE(SealFollows(log.bytes, 0));
  uint32_t previous = 0;
  ASSERT_EQ(AppendRecord(RecordKind::kSeal, 10, "", &previous, &log.bytes), absl::OkStatus());
  EXPECT_TRUE(SealFollows(log.bytes, log.ends[0]));
  EXPECT_FALSE(SealFollows(log.bytes, log.ends[2]));  // not the one at the position itself
}

}  // namespace
}  // namespace numpack::storage
