#!/usr/bin/env bash
# The C++ tests under a build that looks for memory errors and leaks (AddressSanitizer) and for undefined behaviour
# (UBSan; ubsan.sh has it alone). Arguments replace the targets; without any, the kernels' tests are left out, which
# take as long as all the rest: "asan.sh //..." has them.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

if [ $# = 0 ]; then
  set -- --config=one-target -- //cli/... //numpack/... -//numpack/kernels/... //tests/... -//tests/golden/numpy/...
fi
bazel_test --config=asan --config=ubsan "$@"
