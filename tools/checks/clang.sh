#!/usr/bin/env bash
# Builds and tests with Clang, which also checks that every included header comes from a named dependency
# (layering_check) and that guarded fields are touched under their lock (-Wthread-safety). Arguments replace the targets.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build clang

bazel_test --config=clang "${@:-//...}"
