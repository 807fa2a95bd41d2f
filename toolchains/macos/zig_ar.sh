#!/bin/bash
set -eu
# shellcheck source=toolchains/macos/zig.sh
source "$(dirname "$0")/zig.sh"
exec "${zig[0]}" ar "$@"
