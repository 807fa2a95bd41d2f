// What the arrays of the crash and concurrency tests hold: every row says of which state of which
// array it is, and can be checked alone, so that a mixture of two states is recognised whoever
// reads it.
//
// A row is eight 64-bit words: the key, the array and the row's number, and six words that follow
// from them. What the key means depends on the kind of array, see Kind.
#ifndef NUMPACK_TESTS_CRASH_CONTENTS_H_
#define NUMPACK_TESTS_CRASH_CONTENTS_H_

#include <cstdint>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace numpack::crash {

using Random = std::mt19937_64;

inline constexpr int64_t kRowWords = 8;

enum class Kind {
  // Always saved whole. The key is the stamp, and the number of rows follows from it.
  kSaved,
  // Rows are appended. The key is the epoch, which a Save starts anew; the stamp is epoch << 32 |
  // rows.
  kAppended,
  // Rows are replaced and dropped. Row 0 has the stamp and a checksum of the others, each of which
  // has the stamp at which it was written for its key.
  kEdited,
};

using Rows = std::vector<uint64_t>;  // kRowWords for each

// Rows [first, first + count) of an array.
void AppendRows(uint64_t array, uint64_t key, int64_t first, int64_t count, Rows& rows);

// How many rows a kSaved array has in a state.
int64_t SavedRows(uint64_t array, uint64_t stamp);
Rows SavedContents(uint64_t array, uint64_t stamp);

// Makes row 0 say what the others are. `rows` has a row 0.
void SealEdited(uint64_t array, uint64_t stamp, Rows& rows);

inline uint64_t AppendedStamp(uint64_t epoch, int64_t rows) {
  return epoch << 32 | static_cast<uint64_t>(rows);
}
inline uint64_t EpochOf(uint64_t stamp) { return stamp >> 32; }

// The stamp of the state that the words are, or DataLoss when they are no state of this array.
absl::StatusOr<uint64_t> CheckContents(Kind kind, uint64_t array, absl::Span<const uint64_t> words);

// A number out of [0, bound).
inline uint64_t Below(Random& random, uint64_t bound) { return random() % bound; }

}  // namespace numpack::crash

#endif  // NUMPACK_TESTS_CRASH_CONTENTS_H_
