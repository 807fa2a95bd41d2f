#!/usr/bin/env bash
# Builds and tests with Bazel 7 and MODULE.bazel, without a network: this tree, and a module that depends on it
# (examples/bazel_consumer).
#
# usage: tools/checks/bazel7.sh [FOLDER...]     default: . examples/bazel_consumer
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tools/bzlmod/in_root.sh
source tools/bzlmod/in_root.sh

bazel7_need
status=0
for folder in "${@:-. examples/bazel_consumer}"; do
  for name in $folder; do bazel7_test "$name" || status=1; done
done
exit $status
