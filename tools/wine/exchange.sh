#!/usr/bin/env bash
# Stores that go between Linux and Windows (under Wine): tests/exchange, built for both. Made by the same operations
# they are the same byte for byte, whoever did which half; only times, process numbers and identities of boots differ.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"

# fetch CONFIG NAME: builds the program, and puts it where the next build leaves it alone.
fetch() {
  local options=() bin
  if [ "$1" != native ]; then options=("--config=$1"); fi
  bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress "${options[@]}" //tests/exchange
  bin=$(bazel "${startup[@]}" info "${options[@]}" bazel-bin 2>/dev/null)
  cp -L "$bin/tests/exchange/$2" "$work/$2"
}
fetch native exchange
fetch wine exchange.exe

linux() { "$work/exchange" "$1" "$work/$2"; }
windows() { bash tools/wine/run.sh "$work/exchange.exe" "$1" "$work/$2"; }

# all_same WHAT: the four stores are, as both systems see them.
all_same() {
  local store
  linux show ll >"$work/expected"
  for store in lw wl ww; do
    linux show $store | diff "$work/expected" - || { echo "FAIL: $1: $store is another store than ll" && exit 1; }
  done
  for store in ll ww; do
    windows show $store | tr -d '\r' | diff "$work/expected" - || { echo "FAIL: $1: Windows sees $store differently" && exit 1; }
  done
  say "$1: four stores, $(wc -l <"$work/expected") lines of files and records, all the same"
}

for store in ll lw; do linux write $store; done
for store in wl ww; do windows write $store; done
all_same "after the first half"
for store in ll wl; do linux continue $store; done
for store in lw ww; do windows continue $store; done
for store in ll lw wl ww; do linux check $store && windows check $store; done
all_same "after both halves, and opened once more by both"
record passed 2 "stores between Linux and Windows"
