#!/usr/bin/env bash
# Measures this checkout beside what one would take instead, and writes build/bench/report.md with its plots.
# Keep the machine quiet meanwhile.
#
# usage: tools/bench.sh [--short] [OPTION...]     options of bench/scenarios/compare.py
#   --short     fewer scenarios, rounds and kernels: below five minutes once it is built; else about an hour
#
# NumPack 0.7 takes part when $NUMPACK07_PYTHON names an interpreter that has it; otherwise the
# report says that it was skipped.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools/setup.sh build bench counts

short=
for argument in "$@"; do
  if [ "$argument" = --short ]; then short=yes; fi
done
if [ -n "$short" ]; then
  min_time=0.05s rounds=1 counts=(1 3 20) kernels='^multiply/float32/|^chain'
else
  min_time=0.5s rounds=5 counts=(1 3 100)
  kernels='^(add|multiply|multiply_add|divide|floor_divide|maximum|clip|sqrt|exp|bitwise_xor)'
  kernels+='/(float32|float64|uint8|int32)/|^chain|^two_threads'
fi

say "building"
startup=()
read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress \
  //bench:store_bench //bench:kernels_bench //bench:hot_paths
programs=$(bazel "${startup[@]}" info --noshow_progress bazel-bin)/bench
# Into a folder of its own, so that whatever .venv has stays.
rm -rf build/bench
mkdir -p build/bench
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --target build/bench/package .

# scenario PROGRAM OPTION...: a program of bench/scenarios, with this checkout's package.
scenario() {
  local name=$1
  shift
  .venv-bench/bin/python "bench/scenarios/$name.py" --numpack-path "$root/build/bench/package" \
    --json "build/bench/$name.json" "$@"
}

say "scenarios of all systems"
scenario compare --markdown build/bench/compare.md "$@" >/dev/null
say "what the batch modes keep in memory"
scenario memory --counts "${counts[@]}"
say "arrays larger than memory"
scenario ceiling --rounds "$rounds"
say "what a memory limit costs"
scenario spill --rounds "$rounds"
say "updates in place"
scenario in_place
say "single calls of the Python package"
scenario calls --rounds "$rounds" --markdown build/bench/calls.md
say "kernels"
"$programs/kernels_bench" --benchmark_filter="$kernels" --benchmark_min_time=$min_time \
  --benchmark_out=build/bench/kernels.json --benchmark_out_format=json
say "single calls of the C++ library"
"$programs/store_bench" --benchmark_min_time=$min_time --benchmark_out=build/bench/store_bench.json \
  --benchmark_out_format=json
say "instructions, allocations and system calls of small operations"
.venv/bin/python bench/count_per_operation.py "$programs/hot_paths" \
  --markdown build/bench/counts.md

.venv-bench/bin/python bench/scenarios/whole_report.py build/bench >/dev/null
sed -n '/^## Bars/,/^## The spec/p' build/bench/report.md | sed '$d'
say "the whole report: build/bench/report.md"
