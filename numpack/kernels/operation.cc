#include "numpack/kernels/operation.h"

#include "absl/strings/string_view.h"

namespace numpack {

absl::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kAdd:
      return "add";
    case Operation::kSubtract:
      return "subtract";
    case Operation::kMultiply:
      return "multiply";
    case Operation::kDivide:
      return "divide";
    case Operation::kMultiplyAdd:
      return "multiply_add";
  }
  return "unknown";
}

}  // namespace numpack
