#!/usr/bin/env bash
# The package on other Pythons and NumPys than the everyday ones: a wheel for each Python, with one build of
# numpack._arithmetic in all of them (docs/adr/0018), and the tests of in-place arithmetic.
#
# usage: pythons.sh [PYTHON...]     interpreters; default: python3.10 to python3.13, as far as they are there
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

pythons=("$@")
if [ $# = 0 ]; then
  for minor in 10 11 12 13; do
    for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
      if "$python" -c "import ctypes, venv" 2>/dev/null; then
        pythons+=("$python")
        break
      fi
    done
  done
fi
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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
arithmetic=
for python in "${pythons[@]}"; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  say "Python $version"
  "$python" -m venv "$work/$version"
  pip=("$work/$version/bin/pip" --quiet --disable-pip-version-check)
  "${pip[@]}" wheel --no-deps --wheel-dir "$work/dist-$version" .
  "${pip[@]}" install pytest hypothesis numpy
  "${pip[@]}" install --no-deps "$work/dist-$version"/*.whl
  file=$(cd /tmp && "$work/$version/bin/python" -c 'import numpack._arithmetic as a; print(a.__file__)')
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
    tests=(test_in_place_array.py test_in_place_chain.py test_accelerate_numpy.py test_spec_examples.py)
    if (cd /tmp && "$work/$version/bin/python" -m pytest -q -p no:cacheprovider "${tests[@]/#/$root/python/tests/}" | tail -3); then
      record passed 1 "$name"
      say "$name: passed"
    else
      record failed 1 "$name"
      say "$name: FAILED"
      status=1
    fi
  done
done
exit "$status"
