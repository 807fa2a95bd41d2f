#!/usr/bin/env bash
# Installs what is missing, builds the Python package of this checkout and runs the demo with it.
# Arguments go to the demo.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools/setup.sh build demo

say "building the package"
rm -rf dist
.venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/*.whl

# From another folder, so that `import numpack` can only mean the installed one.
cd /tmp
exec "$SYSTEM_PYTHON" "$root/examples/digits_demo.py" "$@"
