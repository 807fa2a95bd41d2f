#include "bench/checked.h"

#include <string>

namespace numpack {
namespace {

bool failed = false;

}  // namespace

void Expect(benchmark::State& state, bool condition, absl::string_view what) {
  if (condition || state.skipped()) return;
  failed = true;
  state.SkipWithError(std::string(what));
}

bool Ok(benchmark::State& state, const absl::Status& status) {
  Expect(state, status.ok(), status.ToString());
  return status.ok();
}

int RunChecked(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return failed ? 1 : 0;
}

}  // namespace numpack
