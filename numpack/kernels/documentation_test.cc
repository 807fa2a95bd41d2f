// The table in docs/kernels.md says what there is, no more and no less.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

constexpr size_t kName = 1;
constexpr size_t kBeside = 3;
constexpr size_t kUlp = 9;
constexpr size_t kCells = 11;  // with the empty ones before the first and after the last bar

std::vector<std::vector<std::string>> ReadTable() {
  std::ifstream in("docs/kernels.md");
  std::vector<std::vector<std::string>> rows;
  std::string line;
  while (std::getline(in, line)) {
    if (!absl::StartsWith(line, "| `")) continue;
    std::vector<std::string> cells = absl::StrSplit(line, '|');
    for (std::string& cell : cells) absl::StripAsciiWhitespace(&cell);
    rows.push_back(cells);
  }
  return rows;
}

size_t ColumnOf(DType dtype) {
  if (dtype == DType::kBool) return 4;
  if (dtype == DType::kFloat16) return 6;
  if (dtype == DType::kFloat32 || dtype == DType::kFloat64) return 7;
  return dtype == DType::kComplex64 || dtype == DType::kComplex128 ? 8 : 5;
}

std::string Beside(Operation operation) {
  switch (ScalarCount(operation)) {
    case 0:
      return "nothing";
    case 1:
      return TakesArray(operation) ? "scalar, array" : "scalar";
    default:
      return "two scalars";
  }
}

bool Exists(Operation operation, DType dtype) {
  return IsSupported(
      operation, ScalarCount(operation) == 0 ? OperandKind::kNone : OperandKind::kScalar, dtype);
}

TEST(DocumentationTest, TableIsTrueOnEveryTarget) {
  const auto rows = ReadTable();
  ASSERT_EQ(rows.size(), static_cast<size_t>(kOperationCount));
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    for (int i = 0; i < kOperationCount; ++i) {
      const auto operation = static_cast<Operation>(i);
      const auto& cells = rows[static_cast<size_t>(i)];
      ASSERT_EQ(cells.size(), kCells) << OperationName(operation);
      EXPECT_EQ(cells[kName], absl::StrCat("`", OperationName(operation), "`"));
      EXPECT_EQ(cells[kBeside], Beside(operation)) << OperationName(operation);
      const int ulp = MaxUlpError(operation);
      EXPECT_EQ(cells[kUlp], ulp == 0 ? "-" : absl::StrCat(ulp)) << OperationName(operation);
      for (int code = 0; code < kDTypeCount; ++code) {
        const auto dtype = static_cast<DType>(code);
        EXPECT_EQ(cells[ColumnOf(dtype)], Exists(operation, dtype) ? "yes" : "-")
            << OperationName(operation) << " " << DTypeName(dtype);
      }
    }
  }
}

}  // namespace
}  // namespace numpack
