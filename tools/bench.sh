#!/usr/bin/env bash
# Measures this checkout: update loops against what one would take instead, then single calls of the
# Python package and of the C++ library. Figures also go to build/bench. Keep the machine quiet meanwhile.
#
# usage: tools/bench.sh [--short] [OPTION...]     options of bench/scenarios/compare.py
#
# NumPack 0.7 takes part when $NUMPACK07_PYTHON names an interpreter that has it; otherwise the
# table says that it was skipped.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools/setup.sh build

min_time=0.5s
for argument in "$@"; do
  if [ "$argument" = --short ]; then min_time=0.1s; fi
done

say "building"
startup=()
read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress //bench:store_bench
# Into a folder of its own, so that whatever .venv has stays.
rm -rf build/bench
mkdir -p build/bench
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --target build/bench/package .

say "update loops: load, *= 1.1, save"
.venv/bin/python bench/scenarios/compare.py --numpack-path "$root/build/bench/package" \
  --json build/bench/scenarios.json --markdown build/bench/scenarios.md "$@"

say "what a memory limit costs"
.venv/bin/python bench/scenarios/spill.py --numpack-path "$root/build/bench/package" \
  --json build/bench/spill.json

say "single calls of the Python package"
rounds=5
if [ "$min_time" = 0.1s ]; then rounds=2; fi
.venv/bin/python bench/scenarios/calls.py --numpack-path "$root/build/bench/package" \
  --rounds $rounds --json build/bench/calls.json

say "single calls of the C++ library"
"$(bazel "${startup[@]}" info --noshow_progress bazel-bin)/bench/store_bench" \
  --benchmark_min_time=$min_time \
  --benchmark_out=build/bench/store_bench.json --benchmark_out_format=json
