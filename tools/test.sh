#!/usr/bin/env bash
# Builds everything and runs every test: C++ and Python through Bazel, then the wheel as a user installs it,
# with NumPy 2 and with NumPy 1.24.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools/setup.sh build test

failed=()
# step NAME COMMAND...: goes on after a failure, so that one run shows all of them.
step() {
  local name=$1
  shift
  say "$name"
  if "$@"; then
    record passed 1 "$name"
  else
    say "$name: FAILED"
    record failed 1 "$name"
    failed+=("$name")
  fi
}

# wheel: `pip wheel`, with pip's own isolated build environment, as `pip install .` has it.
wheel() {
  rm -rf dist
  .venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
  ls dist/*.whl
}

# test_wheel VENV: python/tests against the installed wheel.
test_wheel() {
  local venv=$root/$1 report status=0
  report=$(mktemp)
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/*.whl || return 1
  "$venv/bin/python" -c 'import numpy; print("NumPy", numpy.__version__)'
  # From another folder, so that `import numpack` can only mean the installed one.
  (cd /tmp && "$venv/bin/pytest" -q -p no:cacheprovider --junit-xml="$report" "$root/python/tests") || status=$?
  if [ -s "$report" ]; then
    /usr/bin/python3 tools/count_tests.py --junit "$report" | while read -r what number; do
      if [ "$what" != skipped ]; then record "$what" "$number" "pytest in $1"; fi
    done
  fi
  rm -f "$report"
  return "$status"
}

step "bazel test //..." bazel_test //...
if [ -f pyproject.toml ]; then
  step "pip wheel ." wheel
  for venv in .venv-numpy2 .venv-numpy1; do
    step "pytest of the wheel in $venv" test_wheel $venv
  done
fi

if [ ${#failed[@]} -gt 0 ]; then
  say "FAILED: ${failed[*]}"
  exit 1
fi
say "all tests passed"
