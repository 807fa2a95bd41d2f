// What a benchmark that checks its result needs: a wrong one is named, and makes the program fail.
#ifndef NUMPACK_BENCH_CHECKED_H_
#define NUMPACK_BENCH_CHECKED_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"

namespace numpack {

// Ends the benchmark with `what` for an error unless the condition holds. Of several the first
// counts. Not for several threads at once.
void Expect(benchmark::State& state, bool condition, absl::string_view what);

// Expects it to be OK, and returns whether it is.
bool Ok(benchmark::State& state, const absl::Status& status);

// For main: runs the benchmarks that the command line asks for; returns 1 when an expectation was
// not met.
int RunChecked(int argc, char** argv);

}  // namespace numpack

#endif  // NUMPACK_BENCH_CHECKED_H_
