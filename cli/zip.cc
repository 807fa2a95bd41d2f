#include "cli/zip.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"

namespace numpack::cli {
namespace {

constexpr uint32_t kLocalMark = 0x04034b50;
constexpr uint32_t kCentralMark = 0x02014b50;
constexpr uint32_t kEndMark = 0x06054b50;
constexpr uint32_t kEnd64Mark = 0x06064b50;
constexpr uint32_t kLocator64Mark = 0x07064b50;
constexpr size_t kLocalBytes = 30;
constexpr size_t kCentralBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocator64Bytes = 20;
constexpr size_t kCrcInLocal = 14;  // where the CRC stands in a member's header

constexpr uint16_t kExtra64 = 1;  // kind of extra field that has sizes of 64 bits
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kUtf8Names = 1 << 11;
constexpr uint16_t kVersion64 = 45;
constexpr uint16_t kEarliestDate = 0x21;  // 1980-01-01: an array's time is not its file's
constexpr uint32_t kIn64 = 0xFFFFFFFF;    // the number stands in the extra field

constexpr uint64_t kMaxDirectoryBytes = uint64_t{64} << 20;

// Eight tables, so that eight bytes take one step: 6 times as fast as one by one.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

CrcTables MakeCrcTables() {
  CrcTables tables;
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
    tables[0][i] = crc;
  }
  for (size_t table = 1; table < tables.size(); ++table) {
    for (uint32_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[table - 1][i];
      tables[table][i] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

absl::Status Damaged(const InputFile& file, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(file.path(), " is no zip archive, or a damaged one: ", what));
}

absl::StatusOr<std::string> Read(InputFile& file, uint64_t offset, uint64_t bytes) {
  if (offset > file.size() || bytes > file.size() - offset)
    return Damaged(file, absl::StrCat("bytes from ", offset, " on are missing"));
  std::string text(bytes, '\0');
  NUMPACK_RETURN_IF_ERROR(file.ReadAt(offset, text));
  return text;
}

struct DirectoryPlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

absl::StatusOr<DirectoryPlace> FindDirectory(InputFile& file) {
  // The end is followed by a comment of up to 64 KiB, and preceded by what leads to a longer end.
  const uint64_t tail_bytes = std::min<uint64_t>(file.size(), kEndBytes + 65535 + kLocator64Bytes);
  const uint64_t tail_offset = file.size() - tail_bytes;
  NUMPACK_ASSIGN_OR_RETURN(const std::string tail, Read(file, tail_offset, tail_bytes));
  std::optional<size_t> found;
  for (size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; at-- > 0;) {
    if (Decoder(absl::string_view(tail).substr(at)).U32() == kEndMark) {
      found = at;
      break;
    }
  }
  if (!found.has_value()) return Damaged(file, "it has no directory");
  Decoder end(absl::string_view(tail).substr(*found + 12));
  DirectoryPlace place;
  place.bytes = end.U32();
  place.offset = end.U32();
  if (*found >= kLocator64Bytes) {
    Decoder locator(absl::string_view(tail).substr(*found - kLocator64Bytes, kLocator64Bytes));
    if (locator.U32() == kLocator64Mark) {
      locator.U32();
      NUMPACK_ASSIGN_OR_RETURN(const std::string end64, Read(file, locator.U64(), kEnd64Bytes));
      if (Decoder(end64).U32() != kEnd64Mark) return Damaged(file, "its end is malformed");
      Decoder numbers(absl::string_view(end64).substr(40));
      place.bytes = numbers.U64();
      place.offset = numbers.U64();
    }
  }
  if (place.bytes > kMaxDirectoryBytes) return Damaged(file, "its directory is too long");
  return place;
}

// Replaces the numbers that stand in the extra field.
void TakeExtra64(absl::string_view extra, std::array<uint64_t*, 3> numbers) {
  Decoder in(extra);
  while (in.remaining() >= 4) {
    const uint16_t kind = in.U16();
    const uint16_t bytes = in.U16();
    if (bytes > in.remaining()) return;
    Decoder field(extra.substr(extra.size() - in.remaining(), bytes));
    if (kind == kExtra64) {
      for (uint64_t* number : numbers) {
        if (*number == kIn64) *number = field.U64();
      }
      return;
    }
    for (uint16_t i = 0; i < bytes; ++i) in.U8();
  }
}

// The member that the directory describes next.
absl::StatusOr<ZipMember> ReadMember(InputFile& file, absl::string_view& directory) {
  Decoder in(directory);
  if (in.U32() != kCentralMark) return Damaged(file, "its directory is malformed");
  in.U16();  // versions
  in.U16();
  const uint16_t flags = in.U16();
  const uint16_t method = in.U16();
  in.U32();  // time
  ZipMember member;
  member.crc = in.U32();
  uint64_t stored = in.U32();
  member.bytes = in.U32();
  const uint16_t name_bytes = in.U16();
  const uint16_t extra_bytes = in.U16();
  const uint16_t comment_bytes = in.U16();
  in.U64();  // disk, attributes
  uint64_t header = in.U32();
  const size_t total = kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  if (in.failed() || total > directory.size()) return Damaged(file, "its directory is cut short");
  member.name = std::string(directory.substr(kCentralBytes, name_bytes));
  TakeExtra64(directory.substr(kCentralBytes + name_bytes, extra_bytes),
              {&member.bytes, &stored, &header});
  directory.remove_prefix(total);
  if ((flags & kEncrypted) != 0)
    return absl::UnimplementedError(absl::StrCat(file.path(), ": ", member.name, " is encrypted"));
  if (method != 0 || stored != member.bytes) {
    return absl::UnimplementedError(absl::StrCat(
        file.path(), ": ", member.name,
        " is compressed, which needs NumPy: load it there and save it with numpy.savez, or save "
        "its arrays to the store from Python"));
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::string local, Read(file, header, kLocalBytes));
  if (Decoder(local).U32() != kLocalMark) return Damaged(file, "a member has no header");
  Decoder lengths(absl::string_view(local).substr(26));
  member.offset = header + kLocalBytes;
  member.offset += lengths.U16();
  member.offset += lengths.U16();
  if (member.offset > file.size() || member.bytes > file.size() - member.offset)
    return Damaged(file, absl::StrCat(member.name, " is cut short"));
  return member;
}

uint32_t Low(uint64_t number) { return number >= kIn64 ? kIn64 : static_cast<uint32_t>(number); }

void EncodeCommon(const ZipMember& member, Encoder& out) {
  out.U16(kUtf8Names);
  out.U16(0);  // stored
  out.U16(0);
  out.U16(kEarliestDate);
  out.U32(member.crc);
  out.U32(Low(member.bytes));
  out.U32(Low(member.bytes));
  out.U16(static_cast<uint16_t>(member.name.size()));
}

}  // namespace

uint32_t ExtendZipCrc(uint32_t crc, absl::Span<const std::byte> bytes) {
  static const CrcTables tables = MakeCrcTables();
  crc = ~crc;
  const auto at = [&](size_t i) { return static_cast<uint32_t>(bytes[i]); };
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const uint32_t low = crc ^ (at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24);
    crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
          tables[4][low >> 24] ^ tables[3][at(i + 4)] ^ tables[2][at(i + 5)] ^
          tables[1][at(i + 6)] ^ tables[0][at(i + 7)];
  }
  for (; i < bytes.size(); ++i) crc = crc >> 8 ^ tables[0][(crc ^ at(i)) & 0xff];
  return ~crc;
}

absl::StatusOr<std::vector<ZipMember>> ReadZipDirectory(InputFile& file) {
  NUMPACK_ASSIGN_OR_RETURN(const DirectoryPlace place, FindDirectory(file));
  NUMPACK_ASSIGN_OR_RETURN(const std::string directory, Read(file, place.offset, place.bytes));
  std::vector<ZipMember> members;
  absl::string_view rest = directory;
  while (!rest.empty()) {
    NUMPACK_ASSIGN_OR_RETURN(ZipMember member, ReadMember(file, rest));
    members.push_back(std::move(member));
  }
  return members;
}

absl::Status ZipWriter::Start(absl::string_view name, uint64_t bytes) {
  NUMPACK_RETURN_IF_ERROR(EndMember());
  if (name.size() > 65535)
    return absl::InvalidArgumentError("a zip archive's names have at most 65,535 bytes");
  ZipMember member;
  member.name = std::string(name);
  member.offset = out_.size();
  member.bytes = bytes;
  const bool is_long = bytes >= kIn64;
  std::string text;
  Encoder out(&text);
  out.U32(kLocalMark);
  out.U16(kVersion64);
  EncodeCommon(member, out);
  out.U16(is_long ? 20 : 0);
  text += member.name;
  if (is_long) {
    out.U16(kExtra64);
    out.U16(16);
    out.U64(bytes);
    out.U64(bytes);
  }
  members_.push_back(std::move(member));
  open_ = true;
  return out_.Append(text);
}

absl::Status ZipWriter::Append(absl::Span<const std::byte> bytes) {
  members_.back().crc = ExtendZipCrc(members_.back().crc, bytes);
  return out_.Append(bytes);
}

absl::Status ZipWriter::EndMember() {
  if (!open_) return absl::OkStatus();
  open_ = false;
  std::string crc;
  Encoder(&crc).U32(members_.back().crc);
  return out_.WriteAt(members_.back().offset + kCrcInLocal, crc);
}

absl::Status ZipWriter::Finish() {
  NUMPACK_RETURN_IF_ERROR(EndMember());
  const uint64_t begin = out_.size();
  std::string text;
  Encoder out(&text);
  for (const ZipMember& member : members_) {
    std::string extra;
    Encoder numbers(&extra);
    if (member.bytes >= kIn64) {
      numbers.U64(member.bytes);
      numbers.U64(member.bytes);
    }
    if (member.offset >= kIn64) numbers.U64(member.offset);
    out.U32(kCentralMark);
    out.U16(kVersion64);
    out.U16(kVersion64);
    EncodeCommon(member, out);
    out.U16(static_cast<uint16_t>(extra.empty() ? 0 : 4 + extra.size()));
    out.U16(0);  // comment
    out.U16(0);  // disk
    out.U16(0);  // attributes
    out.U32(0);
    out.U32(Low(member.offset));
    text += member.name;
    if (!extra.empty()) {
      out.U16(kExtra64);
      out.U16(static_cast<uint16_t>(extra.size()));
      text += extra;
    }
  }
  const uint64_t bytes = text.size();
  const uint64_t count = members_.size();
  if (count >= 0xFFFF || begin >= kIn64 || bytes >= kIn64) {
    const uint64_t end64 = begin + bytes;
    out.U32(kEnd64Mark);
    out.U64(kEnd64Bytes - 12);
    out.U16(kVersion64);
    out.U16(kVersion64);
    out.U64(0);  // disks
    out.U64(count);
    out.U64(count);
    out.U64(bytes);
    out.U64(begin);
    out.U32(kLocator64Mark);
    out.U32(0);
    out.U64(end64);
    out.U32(1);
  }
  out.U32(kEndMark);
  out.U32(0);  // disks
  out.U16(static_cast<uint16_t>(std::min<uint64_t>(count, 0xFFFF)));
  out.U16(static_cast<uint16_t>(std::min<uint64_t>(count, 0xFFFF)));
  out.U32(Low(bytes));
  out.U32(Low(begin));
  out.U16(0);  // comment
  return out_.Append(text);
}

}  // namespace numpack::cli
