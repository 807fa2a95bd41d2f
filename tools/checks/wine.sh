#!/usr/bin/env bash
# The C++ tests as Windows programs: built with MinGW, run under Wine. Arguments replace the targets.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -m)" != x86_64 ]; then skip "Wine needs an x86-64 machine, this is $(uname -m)"; fi
tools/setup.sh build wine

bazel_test --config=wine --build_tests_only "${@:-//...}"
