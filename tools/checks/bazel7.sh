#!/usr/bin/env bash
# Builds and tests with Bazel 7 and MODULE.bazel, without a network: this tree, and a module that depends on it
# (examples/bazel_consumer).
#
# usage: tools/checks/bazel7.sh [--short | FOLDER...]     default: . examples/bazel_consumer
#        --short: the latter, with the kernels for one instruction set
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tools/bzlmod/in_root.sh
source tools/bzlmod/in_root.sh

bazel7_need
if [ "${1:-}" = --short ]; then
  bazel7_test examples/bazel_consumer "--per_file_copt=numpack/kernels/.*\\.cc\$@-DHWY_COMPILE_ONLY_STATIC"
  exit
fi
status=0
for folder in "${@:-. examples/bazel_consumer}"; do
  for name in $folder; do bazel7_test "$name" || status=1; done
done
exit $status
