# shellcheck shell=bash
# What the scripts share. Source it first: it goes to the top of the tree and sets $root.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# The interpreter that Bazel builds the extension for and runs Python tests with.
export SYSTEM_PYTHON=$root/.venv/bin/python

say() { printf -- '-- %s\n' "$*"; }

# Ends a check that this machine cannot run. .ci/run reports the reason; 77 is neither success nor failure.
skip() {
  printf 'SKIP: %s\n' "$*"
  exit 77
}

# record passed|failed NUMBER WHAT: a line for .ci/run to add up.
record() {
  if [ -n "${NUMPACK_RESULTS:-}" ]; then printf '%s %s %s\n' "$@" >>"$NUMPACK_RESULTS"; fi
}

# count_tests LOG TESTLOGS WHAT: says and records how many test cases stand behind bazel's summary in LOG.
count_tests() {
  local what number
  while read -r what number; do
    say "$number test cases $what"
    if [ "$what" != skipped ]; then record "$what" "$number" "$3"; fi
  done < <(/usr/bin/python3 "$root/tools/count_tests.py" "$1" "$2")
}

# bazel_test ARGS...: `bazel test` that records how many test cases passed and failed.
# $NUMPACK_BAZEL_STARTUP holds start-up options, such as an --output_base of one's own.
bazel_test() {
  local log status=0 startup=()
  log=$(mktemp)
  read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
  bazel "${startup[@]}" test --symlink_prefix=/ --noshow_progress --keep_going "$@" 2>&1 | tee "$log" || status=$?
  count_tests "$log" "$(testlogs "$@")" "bazel test $*"
  rm -f "$log"
  return "$status"
}

# testlogs ARGS...: the folder in which `bazel test ARGS...` leaves its logs.
testlogs() {
  local argument options=()
  for argument in "$@"; do
    case $argument in
      -- | -//*) ;;  # what is not tested
      -*) options+=("$argument") ;;
    esac
  done
  bazel "${startup[@]}" info "${options[@]}" bazel-testlogs 2>/dev/null || true
}

# find_pythons MINOR...: for each Python 3.MINOR that is here, on the PATH or pyenv's, an interpreter on a line of its own.
find_pythons() {
  local minor python
  for minor in "$@"; do
    for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
      if "$python" -c "import ctypes, venv" 2>/dev/null; then
        echo "$python"
        break
      fi
    done
  done
}

# files cc|bazel|sh: our own sources of one kind, separated by NUL.
files() {
  local pattern=()
  case $1 in
    cc) pattern=(-name '*.cc' -o -name '*.h') ;;
    bazel) pattern=(-name BUILD -o -name '*.bzl' -o -name WORKSPACE -o -name MODULE.bazel) ;;
    sh) pattern=(-name '*.sh' -o -path ./.ci/run) ;;
  esac
  find . \( -name '.venv*' -o -name node_modules -o -name .git -o -name .distdir -o -name 'bazel-*' \
    -o -name build -o -name dist \) -prune -o -type f \( "${pattern[@]}" \) -print0 | sort -z
}
