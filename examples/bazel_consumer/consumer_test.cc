// Another project's program: weights that lose a little in each step, kept in a store. It knows
// NumPack's one header and one target, and checks what comes out.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "numpack/numpack.h"

namespace {

constexpr int64_t kRows = 1000;
constexpr int64_t kColumns = 30;
constexpr int kSteps = 10;

// One commit for all steps: a batch hands out the same memory each time.
absl::Status Train(numpack::NumPack& store) {
  absl::StatusOr<numpack::Batch> batch = store.BeginBatch();
  if (!batch.ok()) return batch.status();
  for (int step = 0; step < kSteps; ++step) {
    auto weights = batch->Load<float>("weights");
    if (!weights.ok()) return weights.status();
    absl::Status status = numpack::InPlace(*weights).Multiply(0.5f).Add(1).Clip(0.0f, 1.75f).Run();
    if (status.ok()) status = batch->Save("weights", *weights);
    if (!status.ok()) return status;
  }
  return batch->Commit();
}

absl::Status Check(numpack::NumPack& store) {
  const auto weights = store.Load<float>("weights");
  if (!weights.ok()) return weights.status();
  float expected = 0;
  for (int step = 0; step < kSteps; ++step) expected = std::fmin(expected * 0.5f + 1, 1.75f);
  if (weights->size() != kRows * kColumns) return absl::InternalError("the size has changed");
  for (int64_t i = 0; i < kRows * kColumns; ++i) {
    if ((*weights)[i] != expected)
      return absl::InternalError("element " + std::to_string(i) + " is " +
                                 std::to_string((*weights)[i]));
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& path) {
  {
    absl::StatusOr<numpack::NumPack> store = numpack::NumPack::Open(path);
    if (!store.ok()) return store.status();
    const std::vector<float> zeros(kRows * kColumns);
    absl::Status status = store->Save("weights", numpack::MakeView(zeros, {kRows, kColumns}));
    if (status.ok()) status = Train(*store);
    if (!status.ok()) return status;
  }
  absl::StatusOr<numpack::NumPack> store = numpack::NumPack::Open(path);
  if (!store.ok()) return store.status();
  return Check(*store);
}

}  // namespace

int main() {
  const char* folder = std::getenv("TEST_TMPDIR");
  const absl::Status status = Run(std::string(folder != nullptr ? folder : ".") + "/weights.npk");
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
