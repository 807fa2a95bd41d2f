#!/usr/bin/env bash
# Builds and runs a project that uses NumPack from outside (examples/bazel_consumer), without a network: with Bazel 4
# and its WORKSPACE, and with Bazel 7 and its MODULE.bazel.
#
# usage: tools/checks/consumer.sh [4|7]     default: both
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tools/bzlmod/in_root.sh
source tools/bzlmod/in_root.sh

# The caches make it quick where this tree was built before: Abseil and Highway are compiled in the same way.
with_bazel4() (
  tools/setup.sh build
  cd examples/bazel_consumer
  bazel_test --distdir="$root/.distdir" --disk_cache="$HOME/.cache/numpack-bazel" --repository_cache= \
    --force_pic --incompatible_strict_action_env --nosandbox_debug //...
)
with_bazel7() {
  bazel7_need
  bazel7_test examples/bazel_consumer
}

for version in "${@:-4 7}"; do
  for number in $version; do
    say "Bazel $number"
    "with_bazel$number"
  done
done
