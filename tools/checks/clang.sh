#!/usr/bin/env bash
# Builds with Clang, which also checks that every included header comes from a named dependency (layering_check) and that
# guarded fields are touched under their lock (-Wthread-safety); and tests the library. Arguments replace the targets.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build clang

if [ $# = 0 ]; then set -- //numpack/... //cli/... //python/numpack/...; fi
bazel_test --config=clang "$@"
