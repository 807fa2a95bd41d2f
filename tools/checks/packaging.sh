#!/usr/bin/env bash
# The sdist and the wheels: the sdist builds in a clean folder without a network, the wheels keep to the ABIs that their
# names promise, and a fresh environment runs the tests with them. For the everyday Python, whose wheel is for that
# version alone, and for one from 3.12 on, whose wheel is for all of those (docs/adr/0023).
#
# usage: packaging.sh [PYTHON...]     interpreters; default: python3, and the first of Python 3.12 to 3.14 that is there
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build packaging

pythons=("$@")
if [ $# = 0 ]; then
  pythons=(/usr/bin/python3)
  mapfile -t later < <(find_pythons 12 13 14)
  if [ ${#later[@]} = 0 ]; then
    say "no Python from 3.12 to 3.14 here: the wheel with the stable ABI is left out"
  else
    pythons+=("${later[0]}")
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"  # some tests are another user for a while
pip_install=(install --quiet --disable-pip-version-check)
pinned=(--require-hashes --only-binary=:all: -r)

say "sdist"
.venv-packaging/bin/python -m build --sdist --no-isolation --outdir "$work" . >"$work/log" 2>&1 || (tail "$work/log" && false)
sdist=$(ls "$work"/numpack-*.tar.gz)
if tar -tzf "$sdist" | grep -E '\.(so|py[cod])$|/\.distdir/|/\.venv'; then
  say "the sdist holds what was made here"
  exit 1
fi
say "$(basename "$sdist"): $(tar -tzf "$sdist" | wc -l) files, $(stat -c %s "$sdist") bytes"
record passed 1 "sdist"

# build_wheel PYTHON FOLDER: from the sdist, with the pinned packages; the archives for Bazel are those of this tree.
build_wheel() {
  "$1" -m venv "$2/build"
  "$2/build/bin/pip" "${pip_install[@]}" "${pinned[@]}" tools/requirements/packaging.txt
  NUMPACK_BAZEL_FLAGS="--distdir=$root/.distdir --repository_cache= ${NUMPACK_BAZEL_FLAGS:-}" \
    "$2/build/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$2" "$sdist"
}

# audit WHEEL FOLDER: what its modules need of Python and of Linux.
audit() {
  local bin=$root/.venv-packaging/bin module
  "$bin/python" -m zipfile -e "$1" "$2/unpacked"
  for module in "$2"/unpacked/numpack/*.abi3.so; do
    case $module in
      */_arithmetic.*) oldest=3.10 ;;
      *) oldest=3.12 ;;
    esac
    say "$(basename "$module"): stable ABI of Python $oldest"
    "$bin/abi3audit" --strict --summary --assume-minimum-abi3 "$oldest" "$module"
  done
  case $1 in
    *-abi3-*) "$bin/abi3audit" --strict --summary "$1" ;;
  esac
  "$bin/auditwheel" show "$1" | tee "$2/auditwheel"
  grep -q manylinux "$2/auditwheel"
}

# test_wheel PYTHON WHEEL FOLDER: in an environment that has nothing but the wheel and what the tests need.
test_wheel() {
  "$1" -m venv "$3/fresh"
  "$3/fresh/bin/pip" "${pip_install[@]}" "${pinned[@]}" tools/requirements/test-numpy2.txt
  "$3/fresh/bin/pip" "${pip_install[@]}" --no-deps --no-index "$2"
  cp examples/quickstart.py "$3"
  (cd "$3" && fresh/bin/python quickstart.py)
  (cd "$3" && fresh/bin/pytest -q -p no:cacheprovider "$root/python/tests" | tail -5)
}

for python in "${pythons[@]}"; do
  tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
  case $tag in
    cp310 | cp311) expected=$tag-$tag ;;
    *) expected=cp312-abi3 ;;
  esac
  say "wheel of $("$python" --version)"
  folder=$work/$tag
  mkdir "$folder"
  build_wheel "$python" "$folder"
  wheel=$(ls "$folder"/numpack-*-"$expected"-*.whl)
  say "$(basename "$wheel"): $(stat -c %s "$wheel") bytes"
  audit "$wheel" "$folder"
  test_wheel "$python" "$wheel" "$folder"
  record passed 1 "wheel $expected"
done
say "sdist and wheels: passed"
