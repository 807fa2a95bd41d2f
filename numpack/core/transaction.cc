#include "numpack/core/transaction.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "numpack/base/mode_error.h"
#include "numpack/base/name_array.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/dropped_rows.h"
#include "numpack/core/rows.h"

namespace numpack {
namespace {

// The elements of a view in C order: its own memory, or a copy in `*copy` where they are strided.
absl::StatusOr<absl::Span<const std::byte>> ElementsOf(const ArrayView& view, AnyArray* copy) {
  const auto bytes = static_cast<size_t>(view.nbytes());
  if (view.IsContiguous()) return absl::MakeConstSpan(view.data, bytes);
  NUMPACK_ASSIGN_OR_RETURN(*copy, NewHeapArray(view.dtype, view.shape));
  CopyElements(view, copy->mutable_data());
  return absl::MakeConstSpan(copy->data(), bytes);
}

// Arrays of which the call that writes them is a good part of the cost; and so many at once that
// nobody notices what one more call costs.
constexpr int64_t kSmallBytes = int64_t{32} << 10;
constexpr size_t kMostWrittenTogether = 256;

bool CanBeWrittenTogether(const PlacedView& array) {
  return Validate(array.view).ok() && array.view.IsContiguous() &&
         array.view.nbytes() <= kSmallBytes;
}

// The rows of an array with `count` rows that `rows` names, as runs of neighbours [begin, end).
// Indexes outside are ignored.
std::vector<DroppedRows::Run> RunsOf(absl::Span<const int64_t> rows, int64_t count) {
  std::vector<int64_t> named;
  named.reserve(rows.size());
  for (const int64_t row : rows) {
    if (row >= -count && row < count) named.push_back(row < 0 ? row + count : row);
  }
  std::sort(named.begin(), named.end());
  std::vector<DroppedRows::Run> runs;
  for (const int64_t row : named) {
    if (!runs.empty() && row < runs.back().second) continue;  // named twice
    if (!runs.empty() && row == runs.back().second) {
      ++runs.back().second;
    } else {
      runs.emplace_back(row, row + 1);
    }
  }
  return runs;
}

// Whether dropped rows had better be noted than the array be written again. Noting costs 8 bytes a
// run in this and every later commit of the array; what is dropped takes space and, when all is
// read, time.
bool IsWorthNoting(const DroppedRows& dropped, const ArrayInfo& info) {
  constexpr int64_t kMinArrayBytes = int64_t{64} << 10;
  constexpr size_t kMaxRuns = 8192;
  const int64_t stored = info.shape[0] + dropped.count();
  return RowBytes(info) > 0 && stored * RowBytes(info) >= kMinArrayBytes &&
         dropped.runs() <= kMaxRuns && dropped.count() <= stored / 2 &&
         DroppedRows::CanEncode(stored);
}

}  // namespace

bool Transaction::Contains(absl::string_view name) const { return pending_.Contains(name); }

std::vector<std::string> Transaction::List(absl::Span<const PlacedName> to_come) const {
  return pending_.List(to_come);
}

absl::StatusOr<ArrayInfo> Transaction::Info(absl::string_view name) const {
  NUMPACK_ASSIGN_OR_RETURN(const storage::PinnedBytes bytes, pending_.Find(name));
  return InfoOf(name, bytes);
}

absl::StatusOr<LazyArray> Transaction::Lazy(absl::string_view name) const {
  NUMPACK_ASSIGN_OR_RETURN(storage::PinnedBytes bytes, pending_.Find(name));
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoOf(name, bytes));
  return LazyArray(std::move(info), std::move(bytes));
}

bool Transaction::IsHeld(absl::string_view name) const { return pending_.IsHeld(name); }

absl::StatusOr<ArrayInfo> Transaction::InfoWithRows(absl::string_view name) const {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, Info(name));
  NUMPACK_RETURN_IF_ERROR(NameArray(name, CheckHasRows(info)));
  return info;
}

absl::Status Transaction::Put(absl::string_view name, ArrayInfo info, storage::PendingExtent bytes,
                              uint64_t place) {
  info.modified_us = NowMicros();
  return NameArray(name,
                   AsModeError(pending_.Put(name, std::move(bytes), EncodeMetadata(info), place)));
}

absl::Status Transaction::Save(absl::string_view name, const ArrayView& view, uint64_t place) {
  NUMPACK_RETURN_IF_ERROR(NameArray(name, Validate(view)));
  AnyArray copy;
  NUMPACK_ASSIGN_OR_RETURN(const absl::Span<const std::byte> elements, ElementsOf(view, &copy));
  absl::StatusOr<storage::PendingExtent> extent = pending_.Allocate(name, elements.size());
  if (!extent.ok()) return NameArray(name, extent.status());
  NUMPACK_RETURN_IF_ERROR(NameArray(name, extent->Write(0, elements)));
  return Put(name, ArrayInfo{view.dtype, view.shape, view.nbytes(), 0}, *std::move(extent), place);
}

absl::Status Transaction::SaveAll(absl::Span<const PlacedView> arrays) {
  while (!arrays.empty()) {
    const absl::Span<const PlacedView> next =
        arrays.first(std::min(arrays.size(), kMostWrittenTogether));
    const auto together = static_cast<size_t>(
        std::find_if_not(next.begin(), next.end(), CanBeWrittenTogether) - next.begin());
    if (together > 1) {
      NUMPACK_RETURN_IF_ERROR(SaveTogether(next.first(together)));
    } else {
      NUMPACK_RETURN_IF_ERROR(Save(next[0].name, next[0].view, next[0].place));
    }
    arrays.remove_prefix(std::max<size_t>(together, 1));
  }
  return absl::OkStatus();
}

// `arrays` can be written together.
absl::Status Transaction::SaveTogether(absl::Span<const PlacedView> arrays) {
  std::vector<storage::PendingExtent> extents;
  std::vector<storage::PendingExtent::Filling> fillings;
  extents.reserve(arrays.size());  // the fillings point there
  fillings.reserve(arrays.size());
  for (const PlacedView& array : arrays) {
    const auto bytes = static_cast<size_t>(array.view.nbytes());
    absl::StatusOr<storage::PendingExtent> extent = pending_.Allocate(array.name, bytes);
    if (!extent.ok()) return NameArray(array.name, extent.status());
    extents.push_back(*std::move(extent));
    fillings.push_back({&extents.back(), absl::MakeConstSpan(array.view.data, bytes)});
  }
  NUMPACK_RETURN_IF_ERROR(NameArray(arrays.front().name, storage::PendingExtent::Fill(fillings)));
  for (size_t i = 0; i < arrays.size(); ++i) {
    const ArrayView& view = arrays[i].view;
    NUMPACK_RETURN_IF_ERROR(Put(arrays[i].name, ArrayInfo{view.dtype, view.shape, view.nbytes(), 0},
                                std::move(extents[i]), arrays[i].place));
  }
  return absl::OkStatus();
}

absl::Status Transaction::Append(absl::string_view name, const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoWithRows(name));
  NUMPACK_RETURN_IF_ERROR(CheckRowsFit(name, info, view));
  if (view.shape[0] == 0) return absl::OkStatus();
  info.shape[0] += view.shape[0];
  NUMPACK_RETURN_IF_ERROR(NameArray(name, CountElements(info.shape, info.dtype).status()));
  AnyArray copy;
  NUMPACK_ASSIGN_OR_RETURN(const absl::Span<const std::byte> elements, ElementsOf(view, &copy));
  absl::StatusOr<storage::PendingExtent> extent = pending_.Extend(name, {elements});
  if (!extent.ok()) return NameArray(name, AsModeError(extent.status()));
  return Put(name, std::move(info), *std::move(extent));
}

// The row numbers, once everything fits.
absl::StatusOr<std::vector<int64_t>> Transaction::CheckReplacement(absl::string_view name,
                                                                   const ArrayInfo& info,
                                                                   absl::Span<const int64_t> rows,
                                                                   const ArrayView& view) const {
  NUMPACK_RETURN_IF_ERROR(CheckRowsFit(name, info, view));
  if (!rows.empty() && static_cast<uint64_t>(view.shape[0]) != rows.size()) {
    return absl::InvalidArgumentError(absl::StrCat("Shape mismatch for array '", name,
                                                   "': ", rows.size(), " row indexes, but ",
                                                   view.shape[0], " rows"));
  }
  absl::StatusOr<std::vector<int64_t>> resolved = ResolveRows(rows, info);
  if (!resolved.ok()) return NameArray(name, resolved.status());
  return resolved;
}

absl::Status Transaction::ReplaceRows(absl::string_view name, absl::Span<const int64_t> rows,
                                      const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoWithRows(name));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> resolved,
                           CheckReplacement(name, info, rows, view));
  if (rows.empty()) return absl::OkStatus();
  // The array as it will be, in memory, so that any order and any number of rows costs one write.
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, Lazy(name));
  NUMPACK_ASSIGN_OR_RETURN(const AnyArray changed, lazy.Load());
  AnyArray copy;
  NUMPACK_ASSIGN_OR_RETURN(const absl::Span<const std::byte> elements, ElementsOf(view, &copy));
  const auto row_bytes = static_cast<size_t>(RowBytes(info));
  const std::byte* from = elements.data();
  for (const int64_t row : resolved) {
    std::copy_n(from, row_bytes, changed.mutable_data() + static_cast<size_t>(row) * row_bytes);
    from += row_bytes;
  }
  absl::StatusOr<storage::PendingExtent> extent =
      pending_.AllocateForPart(name, static_cast<uint64_t>(changed.nbytes()));
  if (!extent.ok()) return NameArray(name, extent.status());
  const auto bytes = absl::MakeConstSpan(changed.data(), static_cast<size_t>(changed.nbytes()));
  NUMPACK_RETURN_IF_ERROR(NameArray(name, extent->Write(0, bytes)));
  return Put(name, ArrayInfo{info.dtype, info.shape, changed.nbytes(), 0}, *std::move(extent));
}

absl::StatusOr<bool> Transaction::RewriteRows(absl::string_view name,
                                              absl::Span<const int64_t> rows,
                                              const ArrayView& view) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoWithRows(name));
  NUMPACK_ASSIGN_OR_RETURN(std::vector<int64_t> resolved, CheckReplacement(name, info, rows, view));
  const auto row_bytes = static_cast<size_t>(RowBytes(info));
  if (rows.empty() || row_bytes == 0) return false;
  if (info.dropped != nullptr) {
    for (int64_t& row : resolved) row = info.dropped->Stored(row);
  }
  AnyArray copy;
  NUMPACK_ASSIGN_OR_RETURN(const absl::Span<const std::byte> elements, ElementsOf(view, &copy));
  // One piece for rows that are neighbours here and there.
  std::vector<storage::BytesAt> pieces;
  for (size_t begin = 0, end = 0; begin < resolved.size(); begin = end) {
    for (end = begin + 1; end < resolved.size() && resolved[end] == resolved[end - 1] + 1; ++end) {
    }
    pieces.push_back({static_cast<uint64_t>(resolved[begin]) * row_bytes,
                      elements.subspan(begin * row_bytes, (end - begin) * row_bytes)});
  }
  info.modified_us = NowMicros();
  absl::StatusOr<bool> done = pending_.Rewrite(name, pieces, EncodeMetadata(info));
  if (!done.ok()) return NameArray(name, AsModeError(done.status()));
  return done;
}

absl::Status Transaction::DropRows(absl::string_view name, absl::Span<const int64_t> rows) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoWithRows(name));
  const std::vector<DroppedRows::Run> runs = RunsOf(rows, info.shape[0]);
  if (runs.empty()) return absl::OkStatus();
  ArrayInfo left = info;
  left.dropped = DroppedRows::Add(info.dropped.get(), runs);
  for (const auto& [begin, end] : runs) left.shape[0] -= end - begin;
  if (!IsWorthNoting(*left.dropped, left)) return WriteWithoutDropped(name, std::move(left));
  absl::StatusOr<storage::PendingExtent> same = pending_.Extend(name, {});
  if (!same.ok()) return NameArray(name, AsModeError(same.status()));
  return Put(name, std::move(left), *std::move(same));
}

absl::Status Transaction::Compact(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, Info(name));
  return info.dropped == nullptr ? absl::OkStatus() : WriteWithoutDropped(name, std::move(info));
}

// Writes the stored rows that `info` does not drop into an extent of their own.
absl::Status Transaction::WriteWithoutDropped(absl::string_view name, ArrayInfo info) {
  NUMPACK_ASSIGN_OR_RETURN(const storage::PinnedBytes pinned, pending_.Find(name));
  NUMPACK_ASSIGN_OR_RETURN(const storage::SharedBytes old, pinned.View());
  const auto row_bytes = static_cast<size_t>(RowBytes(info));
  std::vector<absl::Span<const std::byte>> pieces;
  if (row_bytes > 0) {
    for (const auto& [begin, end] : info.dropped->StoredRuns(0, info.shape[0])) {
      pieces.push_back(old.bytes.subspan(static_cast<size_t>(begin) * row_bytes,
                                         static_cast<size_t>(end - begin) * row_bytes));
    }
  }
  info.dropped = nullptr;
  info.nbytes = info.shape[0] * static_cast<int64_t>(row_bytes);
  absl::StatusOr<storage::PendingExtent> extent =
      pending_.AllocateForPart(name, static_cast<uint64_t>(info.nbytes));
  if (!extent.ok()) return NameArray(name, extent.status());
  NUMPACK_RETURN_IF_ERROR(NameArray(name, extent->Write(0, pieces)));
  return Put(name, std::move(info), *std::move(extent));
}

absl::Status Transaction::DropAllRows(absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(ArrayInfo info, InfoWithRows(name));
  if (info.shape[0] == 0) return absl::OkStatus();
  info.shape[0] = 0;
  info.dropped = nullptr;
  NUMPACK_ASSIGN_OR_RETURN(storage::PendingExtent nothing, pending_.Allocate(name, 0));
  return Put(name, std::move(info), std::move(nothing));
}

absl::Status Transaction::Remove(absl::string_view name) {
  return AsModeError(pending_.Remove(name));
}

absl::Status Transaction::Clear() {
  for (const std::string& name : List()) NUMPACK_RETURN_IF_ERROR(Remove(name));
  return absl::OkStatus();
}

absl::Status Transaction::Clone(absl::string_view source, absl::string_view target) {
  NUMPACK_ASSIGN_OR_RETURN(const LazyArray lazy, Lazy(source));
  if (Contains(target))
    return absl::AlreadyExistsError(absl::StrCat("array '", target, "' already exists"));
  NUMPACK_ASSIGN_OR_RETURN(const AnyArray array, lazy.View());
  return Save(target, array.view());
}

absl::Status Transaction::Rename(absl::string_view from, absl::string_view to) {
  return AsModeError(pending_.Rename(from, to));
}

absl::Status Transaction::Publish() { return pending_.Publish(); }

absl::Status Transaction::Commit() { return pending_.Commit(); }

}  // namespace numpack
