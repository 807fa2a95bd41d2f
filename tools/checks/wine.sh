#!/usr/bin/env bash
# The C++ tests as Windows programs: built with MinGW, run under Wine. Then stores that Linux and Windows make by the
# same operations are compared, and continued on the other system. Arguments replace the targets of the tests and leave
# the comparison out.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -m)" != x86_64 ]; then skip "Wine needs an x86-64 machine, this is $(uname -m)"; fi
tools/setup.sh build wine

status=0
bazel_test --config=wine --build_tests_only "${@:-//...}" || status=$?
if [ $# = 0 ]; then tools/wine/exchange.sh || status=$?; fi
exit "$status"
