#!/usr/bin/env bash
# Instructions, allocations and system calls of small operations; the instructions against the limits in
# bench/instruction_limits.txt. After a change that is worth its price:
#
# usage: instructions.sh [--write]     --write: make today's counts the limits
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -sm)" != "Linux x86_64" ]; then skip "the limits are those of x86-64 with Linux, this is $(uname -sm)"; fi
tools/setup.sh build counts

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress //bench:hot_paths
program=$(bazel "${startup[@]}" info --noshow_progress bazel-bin)/bench/hot_paths
action=--check
if [ "${1:-}" = --write ]; then action=--write; fi
.venv/bin/python bench/count_per_operation.py "$program" $action bench/instruction_limits.txt
record passed 1 "instructions of small operations"
