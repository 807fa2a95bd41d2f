#!/usr/bin/env bash
# Builds and runs a project that uses NumPack from outside (examples/bazel_consumer), by its WORKSPACE and without a
# network. bazel7.sh does so by its MODULE.bazel.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

# The cache makes it quick where this tree was built before: Abseil and Highway are compiled in the same way.
cd examples/bazel_consumer
bazel_test --distdir="$root/.distdir" --disk_cache="$HOME/.cache/numpack-bazel" --repository_cache= \
  --force_pic --incompatible_strict_action_env --nosandbox_debug //...
