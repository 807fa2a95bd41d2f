#!/usr/bin/env bash
# The package on other Pythons and NumPys than the everyday ones, with as few wheels as there are to be (docs/adr/0023)
# and one build of numpack._arithmetic in all of them (docs/adr/0018): all tests on Python 3.12 with the first NumPy 2 and
# the newest one, those of in-place arithmetic everywhere.
#
# usage: pythons.sh [PYTHON...]     interpreters; default: python3.10 to python3.13, as far as they are there
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

pythons=("$@")
if [ $# = 0 ]; then mapfile -t pythons < <(find_pythons 10 11 12 13); fi
if [ ${#pythons[@]} -lt 2 ]; then skip "fewer than two of Python 3.10 to 3.13 are here"; fi

# numpys VERSION: the oldest and the newest NumPy with wheels for that Python, and the first NumPy 2.
numpys() {
  case $1 in
    3.10) echo "1.23.5 1.26.4 2.0.2 2" ;;
    3.11) echo "1.24.4 2.0.2 2" ;;
    3.12) echo "1.26.4 2.0.2 2" ;;
    *) echo "2.1.3 2" ;;
  esac
}

# tests VERSION NUMPY: the files to run.
tests() {
  case "$1 $2" in
    "3.12 2"*) echo python/tests ;;
    *) echo python/tests/test_{in_place_array,in_place_chain,accelerate_numpy,spec_examples}.py ;;
  esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"  # some tests are another user for a while
status=0
arithmetic=
for python in "${pythons[@]}"; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  say "Python $version"
  "$python" -m venv "$work/$version"
  pip=("$work/$version/bin/pip" --quiet --disable-pip-version-check)
  install=("${pip[@]}" install --no-deps --no-index --find-links "$work/dist" numpack)
  # A wheel of an earlier Python may be for this one too.
  if ! "${install[@]}" 2>/dev/null; then
    "${pip[@]}" wheel --no-deps --wheel-dir "$work/dist" .
    "${install[@]}"
  fi
  "${pip[@]}" install hypothesis joblib numpy pytest
  file=$(cd "$work" && "$work/$version/bin/python" -c 'import numpack._arithmetic as a; print(a.__file__)')
  if [ -z "$arithmetic" ]; then
    arithmetic=$work/_arithmetic.abi3.so
    cp "$file" "$arithmetic"
  fi
  cp -f "$arithmetic" "$file"
  for numpy in $(numpys "$version"); do
    if ! "${pip[@]}" install --upgrade "numpy==$numpy.*"; then
      status=1
      continue
    fi
    name="Python $version, NumPy $("$work/$version/bin/python" -c 'import numpy; print(numpy.__version__)')"
    read -ra files <<<"$(tests "$version" "$numpy")"
    if (cd "$work" && "$work/$version/bin/python" -m pytest -q -p no:cacheprovider "${files[@]/#/$root/}" | tail -3); then
      record passed 1 "$name"
      say "$name: passed"
    else
      record failed 1 "$name"
      say "$name: FAILED"
      status=1
    fi
  done
done
say "wheels: $(cd "$work/dist" && echo ./*.whl)"
exit "$status"
