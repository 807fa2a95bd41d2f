#include "numpack/batch/recommend_mode.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace numpack {
namespace {

constexpr uint64_t kLargeBytes = 100'000'000;

std::string Megabytes(uint64_t bytes) {
  return absl::StrFormat("%.*f MB", bytes < 10'000'000 ? 2 : 0, static_cast<double>(bytes) / 1e6);
}

}  // namespace

Recommendation RecommendMode(uint64_t bytes, bool shape_change, std::optional<uint64_t> available) {
  const bool tight = available.has_value() && bytes > *available / 2;
  const std::string share =
      tight ? absl::StrCat(Megabytes(bytes), " is more than half of the available memory (",
                           Megabytes(*available), ")")
            : "";
  if (shape_change) {
    std::string reason = "shapes can change in batch mode only";
    if (tight) absl::StrAppend(&reason, "; ", share, ", so set a memory limit");
    return {BatchMode::kBatch, std::move(reason)};
  }
  if (tight) return {BatchMode::kWritableBatch, absl::StrCat(share, ", and needs no copy there")};
  if (bytes > kLargeBytes) {
    return {BatchMode::kWritableBatch,
            absl::StrCat(Megabytes(bytes), " is more than ", Megabytes(kLargeBytes),
                         ": changing the stored bytes saves copying them")};
  }
  return {BatchMode::kBatch, absl::StrCat(Megabytes(bytes), " is at most ", Megabytes(kLargeBytes),
                                          ": a copy in memory is cheap, and its changes are "
                                          "published all at once")};
}

}  // namespace numpack
