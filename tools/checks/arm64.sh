#!/usr/bin/env bash
# C++ tests as aarch64 programs under QEMU; the kernels once more per kind of CPU, for their NEON, SVE and SVE2 code
# at other vector lengths.
#
# usage: arm64.sh [--short | TARGET...]     --short: POSIX backend and kernels, on one kind of CPU
#
# The memory backend reserves large ranges of addresses, for which QEMU takes seconds each: the tests that run on it
# are left to machines of that kind.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -m)" != x86_64 ]; then skip "cross building is set up for x86-64 machines, this is $(uname -m)"; fi
tools/setup.sh build arm64

targets=("$@")
if [ "${1:-}" = --short ]; then
  targets=(//numpack/backends/posix_mmap/... //numpack/kernels:elementwise_test //numpack/kernels:in_place_test)
elif [ $# = 0 ]; then
  targets=(//numpack/base/... //numpack/backends/posix_mmap/... //numpack/cache/... //numpack/kernels/...)
  say "only ${targets[*]}: what runs on the memory backend is too slow under QEMU"
fi
bazel_test --config=arm64 --build_tests_only "${targets[@]}"
if [ $# = 0 ]; then
  for cpu in neoverse-n1 a64fx; do
    say "kernels on $cpu"
    bazel_test --config=arm64 --build_tests_only --test_env=QEMU_CPU=$cpu //numpack/kernels/...
  done
fi
