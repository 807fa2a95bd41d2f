#!/usr/bin/env bash
# What a user's program gets from the library: every header that it may include compiles alone, without a warning;
# includes nothing of an operating system; defines only macros of ours; and the library exports only numpack::.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
# Programs that between them have every source of the library.
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress //examples:quickstart \
  //numpack/backends/memory:memory_conformance_test //numpack/backends/testing:without_mappings_test
/usr/bin/python3 tools/checks/headers.py "$(bazel "${startup[@]}" info output_base 2>/dev/null)" \
  "$(bazel "${startup[@]}" info bazel-bin 2>/dev/null)"
