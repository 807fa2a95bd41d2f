#!/usr/bin/env bash
# Compiles and links library, command, tests and examples in C++ as macOS programs, for x86-64 and arm64, with the
# headers and the libSystem of the PyPI package "ziglang". Nothing is run.
#
# usage: tools/checks/macos.sh [--short] [x86_64|arm64] [TARGET...]     default: both, everything in C++
#   --short: library, command, backends and their tests, for arm64
#
# CoreFoundation, which Abseil asks for the local time zone, is not in that package: toolchains/macos/sdk stands in.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -sm)" != "Linux x86_64" ]; then skip "set up for x86-64 machines with Linux, this is $(uname -sm)"; fi
tools/setup.sh build macos

kinds=(x86_64 arm64)
everything=(//numpack/... //cli/... //tests/... //examples/...)
if [ "${1:-}" = --short ]; then
  shift
  kinds=(arm64)
  everything=(//numpack //cli/... //numpack/backends/... //numpack:numpack_test)
fi
case ${1:-} in
  x86_64 | arm64) kinds=("$1") && shift ;;
esac
targets=("$@")
if [ $# = 0 ]; then targets=("${everything[@]}"); fi

# mach_o FILE: the kind of machine that a Mach-O program is for; a test may be a script too.
mach_o() {
  case $(od -An -tx1 -N16 "$1" | tr -d ' ') in
    cffaedfe07000001????????02000000) echo x86_64 ;;
    cffaedfe0c000001????????02000000) echo arm64 ;;
    2321*) echo script ;;
    *) echo "something else" ;;
  esac
}

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for kind in "${kinds[@]}"; do
  options=("--config=macos_$kind" "--sandbox_writable_path=$HOME/.cache/numpack-zig")
  bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress --nosandbox_debug --keep_going \
    --show_result=1000 "${options[@]}" "${targets[@]}" 2>&1 | tee "$log"
  linked=0
  while read -r program; do
    case $(mach_o "$program") in
      "$kind") linked=$((linked + 1)) ;;
      script) ;;
      *) say "FAILED: $program is not for macOS $kind" && exit 1 ;;
    esac
  done < <(sed -n "s|^  \(/.*/bin/.*\)|\1|p" "$log" | grep -v '\.[a-z]*$')
  if [ "$linked" = 0 ]; then say "FAILED: nothing was linked" && exit 1; fi
  say "macOS $kind: $linked programs compiled and linked"
  record passed "$linked" "macOS $kind"
done
