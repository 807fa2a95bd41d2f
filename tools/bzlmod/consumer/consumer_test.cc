// Another project's use of NumPack: nothing but the dependency in MODULE.bazel and the one header.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "numpack/numpack.h"

int main() {
  const char* tmp = std::getenv("TEST_TMPDIR");
  auto store = numpack::NumPack::Open(std::string(tmp != nullptr ? tmp : ".") + "/store");
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  const std::vector<float> values = {1, 2, 3, 4};
  if (!store->Save("w", numpack::MakeView(values, {2, 2})).ok()) return 2;
  auto loaded = store->Load<float>("w");
  return loaded.ok() && (*loaded)[3] == 4 ? 0 : 3;
}
