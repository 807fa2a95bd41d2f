#!/usr/bin/env bash
# The C++ tests under a build that looks for memory errors and leaks (AddressSanitizer) and for undefined behaviour
# (UBSan; ubsan.sh has it alone). Arguments replace the targets.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

bazel_test --config=asan --config=ubsan "${@:-//...}"
