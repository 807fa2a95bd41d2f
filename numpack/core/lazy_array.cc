#include "numpack/core/lazy_array.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/dropped_rows.h"
#include "numpack/core/gather.h"
#include "numpack/core/rows.h"

namespace numpack {
namespace {

class StoredOwner final : public ArrayOwner {
 public:
  explicit StoredOwner(std::shared_ptr<const void> memory) : memory_(std::move(memory)) {}

 private:
  const std::shared_ptr<const void> memory_;
};

}  // namespace

LazyArray::LazyArray(ArrayInfo info, storage::PinnedBytes bytes)
    : info_(std::move(info)), bytes_(std::move(bytes)) {}

absl::Status LazyArray::ReadRows(int64_t begin, int64_t end, std::byte* to) const {
  const auto row_bytes = static_cast<uint64_t>(RowBytes(info_));
  std::vector<DroppedRows::Run> runs = {{begin, end}};
  if (info_.dropped != nullptr) runs = info_.dropped->StoredRuns(begin, end);
  for (const auto& [from, until] : runs) {
    const uint64_t bytes = static_cast<uint64_t>(until - from) * row_bytes;
    NUMPACK_RETURN_IF_ERROR(bytes_.Read(static_cast<uint64_t>(from) * row_bytes,
                                        absl::MakeSpan(to, static_cast<size_t>(bytes))));
    to += bytes;
  }
  return absl::OkStatus();
}

absl::StatusOr<AnyArray> LazyArray::View() const {
  if (info_.dropped != nullptr) return ViewRows(0, info_.shape[0]);
  NUMPACK_ASSIGN_OR_RETURN(storage::SharedBytes memory, bytes_.View());
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view,
                           ArrayView::Contiguous(info_.dtype, info_.shape, memory.bytes.data()));
  return AnyArray(std::move(view), /*writable=*/false,
                  std::make_shared<StoredOwner>(std::move(memory.owner)));
}

absl::Status LazyArray::CheckRange(int64_t begin, int64_t end) const {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info_));
  if (begin >= 0 && begin <= end && end <= info_.shape[0]) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("rows ", begin, " to ", end, " of an array with ", info_.shape[0], " rows"));
}

absl::StatusOr<AnyArray> LazyArray::LoadRange(int64_t begin, int64_t end,
                                              const ArrayFactory& factory) const {
  NUMPACK_RETURN_IF_ERROR(CheckRange(begin, end));
  Shape shape = info_.shape;
  shape[0] = end - begin;
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, shape));
  NUMPACK_RETURN_IF_ERROR(ReadRows(begin, end, array.mutable_data()));
  return array;
}

absl::StatusOr<AnyArray> LazyArray::ViewRows(int64_t begin, int64_t end) const {
  NUMPACK_RETURN_IF_ERROR(CheckRange(begin, end));
  const auto row_bytes = static_cast<uint64_t>(RowBytes(info_));
  Shape shape = info_.shape;
  shape[0] = end - begin;
  int64_t stored = begin;
  if (info_.dropped != nullptr && begin < end) {
    stored = info_.dropped->Stored(begin);
    if (info_.dropped->Stored(end - 1) - stored != end - 1 - begin) {
      NUMPACK_ASSIGN_OR_RETURN(const AnyArray copy, NewHeapArray(info_.dtype, shape));
      NUMPACK_RETURN_IF_ERROR(ReadRows(begin, end, copy.mutable_data()));
      return AnyArray(copy.view(), /*writable=*/false, copy.owner());
    }
  }
  NUMPACK_ASSIGN_OR_RETURN(storage::SharedBytes memory,
                           bytes_.View(static_cast<uint64_t>(stored) * row_bytes,
                                       static_cast<uint64_t>(end - begin) * row_bytes));
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view,
                           ArrayView::Contiguous(info_.dtype, shape, memory.bytes.data()));
  return AnyArray(std::move(view), /*writable=*/false,
                  std::make_shared<StoredOwner>(std::move(memory.owner)));
}

absl::StatusOr<AnyArray> LazyArray::Load(const ArrayFactory& factory) const {
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, info_.shape));
  if (info_.dropped != nullptr) {
    NUMPACK_RETURN_IF_ERROR(ReadRows(0, info_.shape[0], array.mutable_data()));
  } else {
    NUMPACK_RETURN_IF_ERROR(
        bytes_.Read(0, absl::MakeSpan(array.mutable_data(), static_cast<size_t>(info_.nbytes))));
  }
  return array;
}

// Where there are no mappings a view is a copy of the whole array. A call for each row costs less
// as long as a row's part of the array is more than a page.
bool LazyArray::ReadsRowByRow(size_t rows) const {
  constexpr uint64_t kPageBytes = 4096;
  return !bytes_.is_mapped() && static_cast<uint64_t>(info_.nbytes) / kPageBytes > rows;
}

absl::StatusOr<AnyArray> LazyArray::ReadPickedRows(absl::Span<const int64_t> rows,
                                                   const ArrayFactory& factory) const {
  Shape shape = info_.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, shape));
  std::byte* to = array.mutable_data();
  for (size_t i = 0; i < rows.size();) {
    size_t run = 1;  // rows that lie one after another are one call
    while (i + run < rows.size() && rows[i + run] == rows[i] + static_cast<int64_t>(run)) ++run;
    NUMPACK_RETURN_IF_ERROR(ReadRows(rows[i], rows[i] + static_cast<int64_t>(run), to));
    to += run * static_cast<size_t>(RowBytes(info_));
    i += run;
  }
  return array;
}

absl::StatusOr<AnyArray> LazyArray::LoadRows(absl::Span<const int64_t> rows,
                                             const ArrayFactory& factory) const {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info_));
  NUMPACK_ASSIGN_OR_RETURN(const bool are_numbers, AreRowNumbers(rows, info_));
  std::vector<int64_t> stored;
  if (!are_numbers || info_.dropped != nullptr) {
    NUMPACK_ASSIGN_OR_RETURN(stored, ResolveRows(rows, info_));
  }
  if (ReadsRowByRow(rows.size()))
    return ReadPickedRows(stored.empty() ? rows : absl::MakeConstSpan(stored), factory);
  NUMPACK_ASSIGN_OR_RETURN(const storage::SharedBytes memory, bytes_.View());
  if (info_.dropped != nullptr) {
    for (int64_t& row : stored) row = info_.dropped->Stored(row);
  }
  Shape shape = info_.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, shape));
  GatherRows(memory.bytes.data(), static_cast<size_t>(RowBytes(info_)),
             stored.empty() ? rows : absl::MakeConstSpan(stored), array.mutable_data());
  return array;
}

absl::StatusOr<LazyArray> LazyArray::Reshaped(absl::Span<const int64_t> shape) const {
  NUMPACK_ASSIGN_OR_RETURN(const int64_t count, CountElements(shape, info_.dtype));
  if (count * static_cast<int64_t>(ItemSize(info_.dtype)) != info_.nbytes) {
    return absl::InvalidArgumentError(absl::StrCat("an array of shape ", ShapeString(info_.shape),
                                                   " has no shape ", ShapeString(shape)));
  }
  if (info_.dropped != nullptr) {
    return absl::FailedPreconditionError(
        "rows were dropped from the array: its elements do not lie one after another");
  }
  LazyArray reshaped = *this;
  reshaped.info_.shape.assign(shape.begin(), shape.end());
  return reshaped;
}

}  // namespace numpack
