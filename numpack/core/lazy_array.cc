#include "numpack/core/lazy_array.h"

#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
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

absl::StatusOr<AnyArray> LazyArray::View() const {
  NUMPACK_ASSIGN_OR_RETURN(storage::SharedBytes memory, bytes_.View());
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view,
                           ArrayView::Contiguous(info_.dtype, info_.shape, memory.bytes.data()));
  return AnyArray(std::move(view), /*writable=*/false,
                  std::make_shared<StoredOwner>(std::move(memory.owner)));
}

absl::StatusOr<AnyArray> LazyArray::ViewRows(int64_t begin, int64_t end) const {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info_));
  if (begin < 0 || begin > end || end > info_.shape[0]) {
    return absl::OutOfRangeError(
        absl::StrCat("rows ", begin, " to ", end, " of an array with ", info_.shape[0], " rows"));
  }
  const auto row_bytes = static_cast<uint64_t>(RowBytes(info_));
  NUMPACK_ASSIGN_OR_RETURN(storage::SharedBytes memory,
                           bytes_.View(static_cast<uint64_t>(begin) * row_bytes,
                                       static_cast<uint64_t>(end - begin) * row_bytes));
  Shape shape = info_.shape;
  shape[0] = end - begin;
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view,
                           ArrayView::Contiguous(info_.dtype, shape, memory.bytes.data()));
  return AnyArray(std::move(view), /*writable=*/false,
                  std::make_shared<StoredOwner>(std::move(memory.owner)));
}

absl::StatusOr<AnyArray> LazyArray::Load(const ArrayFactory& factory) const {
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, info_.shape));
  NUMPACK_RETURN_IF_ERROR(
      bytes_.Read(0, absl::MakeSpan(array.mutable_data(), static_cast<size_t>(info_.nbytes))));
  return array;
}

absl::StatusOr<AnyArray> LazyArray::LoadRows(absl::Span<const int64_t> rows,
                                             const ArrayFactory& factory) const {
  NUMPACK_RETURN_IF_ERROR(CheckHasRows(info_));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<int64_t> resolved, ResolveRows(rows, info_));
  NUMPACK_ASSIGN_OR_RETURN(const storage::SharedBytes memory, bytes_.View());
  Shape shape = info_.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  NUMPACK_ASSIGN_OR_RETURN(AnyArray array, factory(info_.dtype, shape));
  const auto row_bytes = static_cast<size_t>(RowBytes(info_));
  if (row_bytes == 0) return array;
  std::byte* to = array.mutable_data();
  for (const int64_t row : resolved) {
    std::memcpy(to, memory.bytes.data() + static_cast<size_t>(row) * row_bytes, row_bytes);
    to += row_bytes;
  }
  return array;
}

}  // namespace numpack
