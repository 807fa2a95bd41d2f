#!/usr/bin/env bash
# The C++ tests that have threads, or processes that share memory, under a build that looks for data races
# (ThreadSanitizer). Arguments replace the targets.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

if [ $# = 0 ]; then
  set -- --config=one-target //numpack:all //numpack/base/... //numpack/batch/... //numpack/storage/... //tests/concurrency/...
fi
bazel_test --config=tsan "$@"
