#include <iostream>
#include <vector>

#include "absl/log/check.h"
#include "numpack/numpack.h"

int main() {
  auto store = numpack::NumPack::Open("quickstart.npk").value();
  std::vector<float> ones(100'000, 1.0f);
  CHECK_OK(store.Save("features", numpack::MakeView(ones, {1000, 100})));  // one commit

  auto batch = store.BeginBatch().value();  // in memory, published by one commit at the end
  for (int i = 0; i < 100; ++i) {
    auto features = batch.Load<float>("features").value();  // the same memory each time
    CHECK_OK(numpack::InPlace(features).Multiply(1.01f).Run());
    CHECK_OK(batch.Save("features", features));
  }
  CHECK_OK(batch.Commit());

  auto writable = store.BeginWritable().value();  // the stored bytes themselves
  writable.Load<float>("features").value()[0] = 0;
  CHECK_OK(writable.Finish());
  std::cout << store.Load<float>("features").value()[100] << "\n";  // 2.70481
}
