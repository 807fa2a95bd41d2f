#include "numpack/core/dropped_rows.h"

#include <algorithm>

namespace numpack {

DroppedRows::DroppedRows(absl::Span<const Run> stored) {
  runs_.reserve(stored.size());
  for (const auto& [begin, end] : stored) {
    if (!runs_.empty() && runs_.back().end == begin) {
      runs_.back().end = end;
    } else {
      runs_.push_back({begin, end, count_});
    }
    count_ += end - begin;
  }
}

int64_t DroppedRows::Stored(int64_t row) const {
  // Rows before a run are as many as stored rows before it, less the dropped ones.
  const auto after = std::upper_bound(
      runs_.begin(), runs_.end(), row,
      [](int64_t wanted, const Dropped& run) { return wanted < run.begin - run.before; });
  if (after == runs_.begin()) return row;
  const Dropped& last = *std::prev(after);
  return row + last.before + (last.end - last.begin);
}

std::vector<DroppedRows::Run> DroppedRows::StoredRuns(int64_t begin, int64_t end) const {
  std::vector<Run> result;
  if (begin >= end) return result;
  int64_t next = Stored(begin);
  const int64_t stop = Stored(end - 1) + 1;
  auto run = std::upper_bound(runs_.begin(), runs_.end(), next,
                              [](int64_t stored, const Dropped& r) { return stored < r.begin; });
  for (; run != runs_.end() && run->begin < stop; ++run) {
    if (run->begin > next) result.emplace_back(next, run->begin);
    next = run->end;
  }
  if (next < stop) result.emplace_back(next, stop);
  return result;
}

std::shared_ptr<const DroppedRows> DroppedRows::Add(const DroppedRows* already,
                                                    absl::Span<const Run> rows) {
  std::vector<Run> stored;
  for (const auto& [begin, end] : rows) {
    if (already == nullptr) {
      stored.emplace_back(begin, end);
    } else {
      for (const Run& run : already->StoredRuns(begin, end)) stored.push_back(run);
    }
  }
  if (already != nullptr) {
    const auto middle = static_cast<std::ptrdiff_t>(stored.size());
    for (const Dropped& run : already->runs_) stored.emplace_back(run.begin, run.end);
    std::inplace_merge(stored.begin(), stored.begin() + middle, stored.end());
  }
  return std::make_shared<const DroppedRows>(stored);
}

void DroppedRows::Encode(Encoder& out) const {
  out.U32(static_cast<uint32_t>(runs_.size()));
  int64_t at = 0;
  for (const Dropped& run : runs_) {
    out.U32(static_cast<uint32_t>(run.begin - at));
    out.U32(static_cast<uint32_t>(run.end - run.begin));
    at = run.end;
  }
}

absl::StatusOr<std::shared_ptr<const DroppedRows>> DroppedRows::Decode(Decoder& in) {
  const uint32_t count = in.U32();
  if (in.failed() || count == 0 || count > in.remaining() / 8)
    return absl::DataLossError("impossible count of dropped rows");
  std::vector<Run> stored;
  stored.reserve(count);
  int64_t at = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t begin = at + in.U32();
    const int64_t length = in.U32();
    if (length == 0 || (i > 0 && begin == at))
      return absl::DataLossError("dropped rows overlap or are none");
    at = begin + length;
    stored.emplace_back(begin, at);
  }
  return std::make_shared<const DroppedRows>(stored);
}

}  // namespace numpack
