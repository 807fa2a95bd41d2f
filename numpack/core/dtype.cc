#include "numpack/core/dtype.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace numpack {
namespace {

struct Row {
  absl::string_view name;
  size_t item_size;
};
constexpr std::array<Row, kDTypeCount> kTable = {{
    {"bool", 1},
    {"uint8", 1},
    {"uint16", 2},
    {"uint32", 4},
    {"uint64", 8},
    {"int8", 1},
    {"int16", 2},
    {"int32", 4},
    {"int64", 8},
    {"float16", 2},
    {"float32", 4},
    {"float64", 8},
    {"complex64", 8},
    {"complex128", 16},
}};

}  // namespace

size_t ItemSize(DType dtype) { return kTable[static_cast<size_t>(dtype)].item_size; }

absl::string_view DTypeName(DType dtype) { return kTable[static_cast<size_t>(dtype)].name; }

absl::StatusOr<DType> DTypeFromCode(uint8_t code) {
  if (code >= kDTypeCount)
    return absl::InvalidArgumentError(absl::StrCat("unknown dtype code ", code));
  return static_cast<DType>(code);
}

absl::StatusOr<DType> DTypeFromName(absl::string_view name) {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].name == name) return static_cast<DType>(i);
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown dtype '", name, "'"));
}

}  // namespace numpack
