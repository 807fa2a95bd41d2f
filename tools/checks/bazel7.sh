#!/usr/bin/env bash
# Builds and tests this tree with Bazel 7 and MODULE.bazel, without a network. consumer.sh does so with a module that
# depends on this one.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tools/bzlmod/in_root.sh
source tools/bzlmod/in_root.sh

bazel7_need
bazel7_test ""
