#include "numpack/storage/log_payload.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "numpack/base/codec.h"
#include "numpack/storage/record.h"

namespace numpack::storage {
namespace {

EntryRecord MakeEntry(std::string name) {
  EntryRecord entry;
  entry.name = std::move(name);
  entry.metadata = "blob";
  entry.length = 100;
  entry.in_place = true;
  entry.extent = {3, 4, 4096, 128, true};
  return entry;
}

TEST(LogPayload, CommitRoundTrip) {
  CommitPayload payload;
  payload.removes = {"x", std::string("\0y", 2)};
  payload.puts = {MakeEntry("a"), MakeEntry("b")};
  const absl::StatusOr<CommitPayload> back = DecodeCommit(Encode(payload));
  ASSERT_EQ(back.status(), absl::OkStatus());
  EXPECT_EQ(back->removes, payload.removes);
  ASSERT_EQ(back->puts.size(), 2u);
  const EntryRecord& entry = back->puts[1];
  EXPECT_EQ(entry.name, "b");
  EXPECT_EQ(entry.metadata, "blob");
  EXPECT_EQ(entry.length, 100u);
  EXPECT_TRUE(entry.in_place);
  EXPECT_EQ(entry.extent.number, 3u);
  EXPECT_EQ(entry.extent.segment, 4u);
  EXPECT_EQ(entry.extent.offset, 4096u);
  EXPECT_EQ(entry.extent.capacity, 128u);
  EXPECT_TRUE(entry.extent.own_segment);
  EXPECT_EQ(entry.checksum, std::nullopt);
}

TEST(LogPayload, ChecksumsRoundTrip) {
  for (const std::optional<uint32_t> checksum :
       {std::optional<uint32_t>(), std::optional<uint32_t>(0), std::optional<uint32_t>(~0u)}) {
    CommitPayload commit;
    commit.puts = {MakeEntry("a"), MakeEntry("b")};
    commit.puts[0].checksum = checksum;
    const auto puts = DecodeCommit(Encode(commit));
    ASSERT_EQ(puts.status(), absl::OkStatus());
    EXPECT_EQ(puts->puts[0].checksum, checksum);
    EXPECT_EQ(puts->puts[1].checksum, std::nullopt);
    EXPECT_TRUE(puts->puts[0].in_place && puts->puts[0].extent.own_segment);
    const auto end = DecodeInPlace(Encode(InPlacePayload{{{"a", "m", checksum}, {"b", "m"}}}));
    ASSERT_EQ(end.status(), absl::OkStatus());
    EXPECT_EQ(end->items[0].checksum, checksum);
    EXPECT_EQ(end->items[1].checksum, std::nullopt);
    RedoPayload redo = {"a", "m", 1, checksum, {{0, "new"}}, {{0, "old"}}};
    const auto rows = DecodeRedo(Encode(redo));
    ASSERT_EQ(rows.status(), absl::OkStatus());
    EXPECT_EQ(rows->checksum, checksum);
    EXPECT_EQ(rows->undo[0].bytes, "old");
  }
}

// Bytes cut anywhere, or with anything behind them, are refused; none of them is read outside.
template <typename Decode>
void ExpectExactLength(const std::string& bytes, Decode decode) {
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::string copy(bytes.data(),
                           cut);  // an exact allocation: sanitizers see any byte too far
    EXPECT_EQ(decode(copy).status().code(), absl::StatusCode::kDataLoss) << cut;
  }
  EXPECT_EQ(decode(bytes + '\0').status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(decode(bytes).status(), absl::OkStatus());
}

TEST(LogPayload, CutPayloadsAreRefused) {
  CommitPayload commit;
  commit.removes = {"gone"};
  commit.puts = {MakeEntry("a"), MakeEntry("b")};
  commit.puts[1].checksum = 1;
  ExpectExactLength(Encode(commit), DecodeCommit);
  CheckpointPayload checkpoint;
  checkpoint.log_number = 5;
  checkpoint.entries = {MakeEntry("a")};
  ExpectExactLength(Encode(checkpoint), DecodeCheckpoint);
  ExpectExactLength(Encode(InPlacePayload{{{"a", "m"}, {"b", "m", 5}}}), DecodeInPlace);
  ExpectExactLength(Encode(RedoPayload{"a", "m", 1, 5, {{0, "new"}}, {{0, "old"}}}), DecodeRedo);
  ExpectExactLength(Encode(SessionPayload{42, "boot"}), DecodeSession);
}

TEST(LogPayload, AbsurdCountsCostNoMemory) {
  std::string bytes;
  Encoder(&bytes).U32(0);
  Encoder(&bytes).U32(0xFFFFFFFF);
  EXPECT_EQ(DecodeCommit(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LogPayload, ImpossibleEntriesAreRefused) {
  const auto refused = [](void (*break_it)(EntryRecord&)) {
    CommitPayload payload;
    payload.puts = {MakeEntry("a")};
    break_it(payload.puts[0]);
    return DecodeCommit(Encode(payload)).status().code() == absl::StatusCode::kDataLoss;
  };
  EXPECT_FALSE(refused([](EntryRecord&) {}));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.name = ""; }));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.length = 129; }));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.extent.number = 0; }));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.extent.offset = ~uint64_t{0} - 100; }));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.extent.capacity = 0, e.length = 0; }));
  // The CRC of nothing is 0.
  EXPECT_FALSE(refused([](EntryRecord& e) { e.length = 0, e.checksum = 0; }));
  EXPECT_TRUE(refused([](EntryRecord& e) { e.length = 0, e.checksum = 1; }));
}

TEST(LogPayload, FlagsThatMeanNothingAreRefused) {
  CommitPayload commit;
  commit.puts = {MakeEntry("a")};
  const size_t entry_flags = 4 + 4 + (4 + 1) + (4 + 4) + 8;  // counts, name, metadata, length
  const size_t item_flags = 4 + (4 + 1) + (4 + 1);
  const size_t redo_flags = (4 + 1) + (4 + 1) + 8;
  for (const int flag : {8, 16, 32, 64, 128}) {
    const auto with_flag = [&](std::string bytes, size_t at) {
      bytes[at] = static_cast<char>(bytes[at] | flag);
      return bytes;
    };
    const auto refused = [](const absl::Status& status) {
      return status.code() == absl::StatusCode::kDataLoss;
    };
    EXPECT_TRUE(refused(DecodeCommit(with_flag(Encode(commit), entry_flags)).status()));
    EXPECT_TRUE(refused(
        DecodeInPlace(with_flag(Encode(InPlacePayload{{{"a", "m"}}}), item_flags)).status()));
    EXPECT_TRUE(refused(
        DecodeRedo(with_flag(Encode(RedoPayload{"a", "m", 1, {}, {}, {}}), redo_flags)).status()));
  }
  // A kept extent has no contents that anybody would compare.
  std::string kept = Encode(KeptPayload{{MakeEntry("a").extent}});
  EXPECT_EQ(DecodeKept(kept).status(), absl::OkStatus());
  kept[4] = static_cast<char>(kept[4] | 4);
  EXPECT_EQ(DecodeKept(kept).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LogPayload, LaterVersionsAskForANewerProgram) {
  std::string bytes = Encode(CheckpointPayload{});
  bytes[4] = 2;
  EXPECT_EQ(DecodeCheckpoint(bytes).status().code(), absl::StatusCode::kFailedPrecondition);
}

// The worked example of docs/format.md.
TEST(LogPayload, WorkedExample) {
  CommitPayload payload;
  EntryRecord entry;
  entry.name = "w";
  entry.metadata = "meta";
  entry.length = 12;
  entry.extent = {1, 1, 0, 64, false};
  payload.puts = {entry};
  std::string bytes;
  uint32_t previous = 0x11223344;
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 5, Encode(payload), &previous, &bytes),
            absl::OkStatus());
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "68000000020000000500000000000000443322113d000000fb39a8a8c3d2a7b1"
            "00000000010000000100000077040000006d6574610c00000000000000000000"
            "0001000000000000000100000000000000000000004000000000000000000000"
            "a7f24eb0b7a69ce5");

  // The same with a checksum, that of "Hello, world".
  payload.puts[0].checksum = 0x5BCA1439;
  bytes.clear();
  previous = 0x11223344;
  ASSERT_EQ(AppendRecord(RecordKind::kCommit, 5, Encode(payload), &previous, &bytes),
            absl::OkStatus());
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "700000000200000005000000000000004433221141000000812ca1f5c3d2a7b1"
            "00000000010000000100000077040000006d6574610c00000000000000040000"
            "00010000000000000001000000000000000000000040000000000000003914ca"
            "5b00000000000000b0ae6f95b7a69ce5");
}

}  // namespace
}  // namespace numpack::storage
