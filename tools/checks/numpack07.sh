#!/usr/bin/env bash
# NumPack 0.7 itself opens what we export, and programs for it see no difference here but those that
# docs/differences_from_0.7.md lists. $NUMPACK07_PYTHON is a Python that has it; where none is named, this is
# skipped. Arguments are options for Bazel.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if ! "${NUMPACK07_PYTHON:-false}" -c 'import numpack; assert numpack.__version__ == "0.7.0"' 2>/dev/null; then
  skip "no NumPack 0.7; name a Python that has it in \$NUMPACK07_PYTHON"
fi
tools/setup.sh build

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress "$@" //tests/golden/v07:reexport
bin=$(bazel "${startup[@]}" info "$@" bazel-bin 2>/dev/null)
"$NUMPACK07_PYTHON" tests/golden/v07/check_export.py "$bin/tests/golden/v07/reexport"

say "the same cases in NumPack 0.7 and here"
rm -rf build/compare07
mkdir -p build/compare07
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --target build/compare07 .
.venv/bin/python tests/compare07/compare.py "$NUMPACK07_PYTHON" .venv/bin/python "$root/build/compare07"
