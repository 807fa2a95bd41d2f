#!/usr/bin/env bash
# The C++ tests as Windows programs: built with MinGW, run under Wine. Then stores that Linux and Windows make by the
# same operations are compared, and continued on the other system.
#
# usage: wine.sh [--short | TARGET...]     --short: the conformance suite on all backends, store, batches, crashes;
#                                          TARGET: these tests, and no comparison of stores
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -m)" != x86_64 ]; then skip "Wine needs an x86-64 machine, this is $(uname -m)"; fi
tools/setup.sh build wine

targets=("${@:-//...}")
if [ "${1:-}" = --short ]; then
  targets=(//numpack/backends/... //numpack/batch/... //numpack:numpack_test //numpack/storage:store_crash_test
    //tests/crash:replay)
fi
status=0
bazel_test --config=wine --build_tests_only "${targets[@]}" || status=$?
if [ $# = 0 ] || [ "$1" = --short ]; then tools/wine/exchange.sh || status=$?; fi
exit "$status"
