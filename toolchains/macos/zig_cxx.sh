#!/bin/bash
# Zig's Clang, as Bazel calls it.
set -eu
# shellcheck source=toolchains/macos/zig.sh
source "$(dirname "$0")/zig.sh"
arguments=()
for argument; do
  case $argument in
    -MD) arguments+=(-MMD) ;; # Zig's own headers lie outside of what Bazel knows
    *) arguments+=("$argument") ;;
  esac
done
exec "${zig[0]}" c++ "${arguments[@]}"
