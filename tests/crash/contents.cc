#include "tests/crash/contents.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace numpack::crash {
namespace {

// The finalizer of SplitMix64.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

uint64_t Place(uint64_t array, int64_t row) { return array << 40 | static_cast<uint64_t>(row); }

uint64_t Filler(uint64_t key, uint64_t place, int64_t column) {
  return Mix(key * 0x100000001B3 ^ place) + static_cast<uint64_t>(column) * 0xD6E8FEB86659FD93;
}

// Whether a row is sound: it says itself what the rest of it must be.
bool IsSound(absl::Span<const uint64_t> row) {
  for (int64_t column = 2; column < kRowWords; ++column) {
    if (row[static_cast<size_t>(column)] != Filler(row[0], row[1], column)) return false;
  }
  return true;
}

absl::Status Wrong(uint64_t array, size_t row, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("array ", array, " row ", row, ": ", what));
}

uint64_t Checksum(absl::Span<const uint64_t> words) {
  uint64_t sum = words.size();
  for (const uint64_t word : words) sum = (sum ^ word) * 0x9E3779B97F4A7C15 + (sum >> 29);
  return sum;
}

}  // namespace

void AppendRows(uint64_t array, uint64_t key, int64_t first, int64_t count, Rows& rows) {
  rows.reserve(rows.size() + static_cast<size_t>(count * kRowWords));
  for (int64_t row = first; row < first + count; ++row) {
    const uint64_t place = Place(array, row);
    rows.push_back(key);
    rows.push_back(place);
    for (int64_t column = 2; column < kRowWords; ++column)
      rows.push_back(Filler(key, place, column));
  }
}

int64_t SavedRows(uint64_t array, uint64_t stamp) {
  const uint64_t hash = Mix(stamp * 31 + array);
  const uint64_t size = hash >> 8;
  switch (hash % 20) {
    case 0:  // a segment of its own
      return static_cast<int64_t>(4500 + size % 6000);
    case 1:
    case 2:
      return static_cast<int64_t>(600 + size % 2400);
    case 3:
    case 4:
    case 5:
    case 6:
      return static_cast<int64_t>(64 + size % 576);
    default:
      return static_cast<int64_t>(1 + size % 64);
  }
}

Rows SavedContents(uint64_t array, uint64_t stamp) {
  Rows rows;
  AppendRows(array, stamp, 0, SavedRows(array, stamp), rows);
  return rows;
}

void SealEdited(uint64_t array, uint64_t stamp, Rows& rows) {
  const absl::Span<const uint64_t> others = absl::MakeConstSpan(rows).subspan(kRowWords);
  rows[0] = stamp;
  rows[1] = Place(array, 0);
  rows[2] = Checksum(others);
  for (int64_t column = 3; column < kRowWords; ++column)
    rows[static_cast<size_t>(column)] = Filler(stamp, rows[2], column);
}

absl::StatusOr<uint64_t> CheckContents(Kind kind, uint64_t array,
                                       absl::Span<const uint64_t> words) {
  const size_t rows = words.size() / kRowWords;
  if (rows == 0) return Wrong(array, 0, "is missing");
  const uint64_t key = words[0];
  for (size_t i = kind == Kind::kEdited ? 1 : 0; i < rows; ++i) {
    const absl::Span<const uint64_t> row = words.subspan(i * kRowWords, kRowWords);
    if (!IsSound(row)) return Wrong(array, i, "is no row");
    if (row[1] >> 40 != array) return Wrong(array, i, absl::StrCat("is of array ", row[1] >> 40));
    if (kind == Kind::kEdited) {
      if (row[0] > key) return Wrong(array, i, "is newer than its array");
    } else if (row[0] != key || row[1] != Place(array, static_cast<int64_t>(i))) {
      return Wrong(array, i, absl::StrCat("is of state ", row[0], ", not ", key));
    }
  }
  switch (kind) {
    case Kind::kSaved:
      if (static_cast<int64_t>(rows) != SavedRows(array, key))
        return Wrong(array, rows, "is the last one, and should not be");
      return key;
    case Kind::kAppended:
      return AppendedStamp(key, static_cast<int64_t>(rows));
    case Kind::kEdited:
      break;
  }
  if (words[1] != Place(array, 0) || words[2] != Checksum(words.subspan(kRowWords)) ||
      words[7] != Filler(key, words[2], 7)) {
    return Wrong(array, 0, absl::StrCat("of state ", key, " does not speak of the rows there are"));
  }
  return key;
}

}  // namespace numpack::crash
