// Saves, changes and reads arrays in a backend of the user's, and prints what that asked of it.

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_format.h"
#include "examples/custom_backend/counting_backend.h"
#include "numpack/numpack.h"

namespace {

// A line for what was counted since `before`, which becomes what there is now.
void Report(const std::string& step, const example::CountingBackend& backend,
            example::Counts& before) {
  const example::Counts now = backend.counts();
  std::cout << absl::StreamFormat("%-28s %5d %6d %12d %7d %12d\n", step, now.opens - before.opens,
                                  now.reads - before.reads, now.bytes_read - before.bytes_read,
                                  now.writes - before.writes,
                                  now.bytes_written - before.bytes_written);
  before = now;
}

}  // namespace

int main() {
  const auto backend = std::make_shared<example::CountingBackend>();
  example::Counts counts;
  std::cout << absl::StreamFormat("%-28s %5s %6s %12s %7s %12s\n", "", "opens", "reads",
                                  "bytes read", "writes", "bytes written");

  auto store = numpack::NumPack::Open(backend).value();  // this is all of the registration
  Report("open a new store", *backend, counts);

  const std::vector<float> ones(100'000, 1.0f);
  CHECK_OK(store.Save("features", numpack::MakeView(ones, {1000, 100})));
  Report("save 400,000 bytes", *backend, counts);

  auto batch = store.BeginBatch().value();
  for (int i = 0; i < 100; ++i) {
    auto features = batch.Load<float>("features").value();
    CHECK_OK(numpack::InPlace(features).Add(1.0f).Run());
    CHECK_OK(batch.Save("features", features));
  }
  CHECK_OK(batch.Commit());
  Report("100 changes in a batch", *backend, counts);

  {
    const auto rows = store.Lazy("features").value().ViewRows(10, 12).value().As<const float>();
    CHECK_EQ(rows.value()[0], 101.0f);
  }
  Report("read two rows", *backend, counts);

  auto writable = store.BeginWritable().value();  // on a copy, as nothing is mapped here
  writable.Load<float>("features").value()[0] = 5;
  CHECK_OK(writable.Finish());
  Report("change one in place", *backend, counts);

  CHECK_OK(store.Close());
  Report("close", *backend, counts);

  store = numpack::NumPack::Open(backend).value();
  const auto features = store.Load<float>("features").value();
  CHECK_EQ(features[0], 5.0f);
  CHECK_EQ(features[99'999], 101.0f);
  Report("open again, and load", *backend, counts);
}
