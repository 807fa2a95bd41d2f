#include "numpack/kernels/in_place.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/update_chain.h"

namespace numpack::in_place_internal {
namespace {

int64_t Product(absl::Span<const int64_t> axes) {
  int64_t product = 1;
  for (int64_t axis : axes) product *= axis;
  return product;
}

}  // namespace

RowSpan RowsOf(std::byte* data, const Shape& shape, size_t elements, size_t item) {
  const auto count = static_cast<int64_t>(elements);
  // A view that does not fill its shape is refused, so it does not matter what its rows are.
  if (shape.size() < 2 || shape.back() <= 0 || count % shape.back() != 0) {
    return {data, 1, count, 0};
  }
  return {data, count / shape.back(), shape.back(), shape.back() * static_cast<int64_t>(item)};
}

absl::StatusOr<Operand> OperandOf(Operation operation, const Shape& x, const Shape& b, DType dtype,
                                  const void* data) {
  const auto item = static_cast<int64_t>(ItemSize(dtype));
  if (x == b) return Operand::Array(data, Product(x));
  const absl::Span<const int64_t> axes(b);
  if (x.size() >= 2 && !b.empty() && b.size() <= x.size()) {
    const bool is_row = b.back() == x.back() && Product(axes) == b.back() &&
                        std::all_of(b.begin(), b.end() - 1, [](int64_t n) { return n == 1; });
    if (is_row) return Operand::Row(data, b.back());
    const bool is_column =
        b.back() == 1 && b.size() == x.size() && std::equal(b.begin(), b.end() - 1, x.begin());
    if (is_column) return Operand::Column(data, Product(axes), item);
  }
  return absl::InvalidArgumentError(absl::StrCat(OperationName(operation),
                                                 " needs an operand of shape ", ShapeString(x),
                                                 ", not ", ShapeString(b)));
}

}  // namespace numpack::in_place_internal
