#!/usr/bin/env bash
# Formats the whole tree in place.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools/setup.sh build lint

files cc | xargs -0 clang-format-14 -i
files bazel | xargs -0 node_modules/.bin/buildifier --mode=fix --lint=off
.venv/bin/ruff check --quiet --fix || say "ruff: the rest needs a hand"
.venv/bin/ruff format --quiet
