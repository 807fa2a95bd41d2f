#!/usr/bin/env bash
# Formatting and static checks of every language in the tree. usage: lint.sh [NAME...]
# clang-tidy takes the better part of an hour the first time: it runs when it is named.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build lint

failed=()

# step NAME COMMAND...: runs one linter, goes on after a failure and remembers it.
step() {
  local name=$1 status=0
  shift
  "$@" || status=$?
  if [ $status = 0 ]; then
    say "$name: clean"
    record passed 1 "$name"
  else
    say "$name: FAILED"
    record failed 1 "$name"
    failed+=("$name")
  fi
}

clang_format() { files cc | xargs -0 clang-format-14 --dry-run --Werror; }
# The native-* warnings ask for rules that Bazel 4 has built in, from repositories that do not know Bazel 4.
buildifier() {
  local off=-native-cc-common,-native-cc-toolchain,-native-cc-toolchain-suite,-native-py,-native-sh-binary
  off+=,-native-sh-test,-native-sh-library
  files bazel | xargs -0 node_modules/.bin/buildifier --mode=check --lint=warn --warnings=$off
}
ruff() { .venv/bin/ruff check --quiet && .venv/bin/ruff format --check --quiet; }
# What it checks is in pyproject.toml.
mypy() { .venv/bin/mypy --no-error-summary; }
# The list that CMake builds from is what the BUILD files say.
cmake_sources() { tools/cmake_sources.py --check; }
shell_check() { files sh | xargs -0 shellcheck --external-sources --source-path=SCRIPTDIR/..; }
clang_tidy() { /usr/bin/python3 tools/checks/clang_tidy.py; }

for what in "${@:-clang-format buildifier ruff mypy shellcheck cmake-sources}"; do
  for name in $what; do
    case $name in
      clang-format) step "$name" clang_format ;;
      buildifier) step "$name" buildifier ;;
      ruff) step "$name" ruff ;;
      mypy) step "$name" mypy ;;
      shellcheck) step "$name" shell_check ;;
      cmake-sources) step "$name" cmake_sources ;;
      clang-tidy) step "$name" clang_tidy ;;
      *) echo "no linter named '$name'" >&2 && exit 2 ;;
    esac
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "lint failed: ${failed[*]}" >&2
  exit 1
fi
