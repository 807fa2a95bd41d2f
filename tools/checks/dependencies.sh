#!/usr/bin/env bash
# Asserts the table of who may depend on whom.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

/usr/bin/python3 tools/checks/dependencies.py
