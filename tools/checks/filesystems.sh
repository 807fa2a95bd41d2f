#!/usr/bin/env bash
# Stores on ext4, xfs and btrfs, each in an image of its own: the tests that use files, the killing of processes, full
# disks, and machines that stop. Needs root, for mounting. Takes some minutes; not part of .ci/run.
#
# usage: tools/checks/filesystems.sh [ext4|xfs|btrfs]...
#   KILL_ROUNDS (100) and STOP_ROUNDS (20) in the environment say how often processes are killed and machines stop.
#
# A stop of the machine is a copy of the image as of one moment, made while a writer is at work: the copy shares the
# blocks of the original (FICLONE on xfs, which takes a file as of one moment). Mounted, it recovers by its journal what
# a machine would find after a power loss with a disk that keeps the order of its writes. What the page cache had not
# written yet is not in it.
# shellcheck disable=SC2317  # functions are called by check and the trap
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ]; then skip "only root can mount file systems on Linux"; fi
if ! losetup --find >/dev/null 2>&1; then skip "there are no loop devices here"; fi
tools/setup.sh build filesystems

systems=("$@")
if [ $# = 0 ]; then systems=(ext4 xfs btrfs); fi

tests=(
  //numpack/backends/posix_mmap:posix_mmap_backend_test
  //numpack/backends/posix_mmap:posix_mmap_conformance_test
  //numpack/backends/posix_mmap:posix_process_test
  //numpack:descriptors_test
  //numpack:fork_test
  //numpack:numpack_test
  //tests/concurrency:two_processes_test
)
bazel build --symlink_prefix=/ --noshow_progress "${tests[@]}" //tests/crash:all //tests/full_disk:full_disk_test
bin=$(bazel info bazel-bin 2>/dev/null)

work=$(mktemp -d "${TMPDIR:-/tmp}/filesystems.XXXXXX")
writer=
cleanup() {
  if [ -n "$writer" ]; then kill -KILL "$writer" 2>/dev/null || true; fi
  local mounted
  for mounted in "$work/copy" "$work/inner" "$work/disk" "$work/outer"; do
    if mountpoint -q "$mounted"; then umount "$mounted" || umount -l "$mounted"; fi
  done
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work"/{outer,inner,copy,disk}

# make SYSTEM IMAGE SIZE
make() {
  truncate -s "$3" "$2" || return
  "mkfs.$1" "$([ "$1" = ext4 ] && echo -F || echo -f)" -q "$2"
}

# on_disk SYSTEM SIZE COMMAND...: runs it with a new file system on $work/disk.
on_disk() {
  local image=$work/$1.img status=0
  make "$1" "$image" "$2" || return
  mount -o loop "$image" "$work/disk" || return
  "${@:3}" || status=$?
  umount "$work/disk"
  rm "$image"
  return "$status"
}

# A test's log is only of interest when it fails.
run_test() {
  local program=$bin/${1#//} log=$work/test.log
  if TEST_TMPDIR=$work/disk TMPDIR=$work/disk "${program/://}" "${@:2}" >"$log" 2>&1; then return; fi
  cat "$log"
  say "FAILED: $1"
  return 1
}

file_tests() {
  local test
  for test in "${tests[@]}"; do run_test "$test" || return; done
}

full_disk() { NUMPACK_SMALL_DISK=$work/disk run_test //tests/full_disk:full_disk_test --gtest_filter='*Given*'; }

kill_loop() {
  TEST_TMPDIR=$work/disk "$bin/tests/crash/kill_loop" --rounds="${KILL_ROUNDS:-100}" --seed="$RANDOM" | tail -1
}

# One machine that stops again and again; each time goes on from what the stop before has left.
machine_stops() {
  local system=$1 round seed=$RANDOM how=loop
  if [ "$system" = xfs ]; then how=loop,nouuid; fi
  make "$system" "$work/outer/image" 512M || return
  for ((round = 1; round <= ${STOP_ROUNDS:-20}; ++round)); do
    mount -o "$how" "$work/outer/image" "$work/inner" || return
    rm -f "$work/ledger"
    "$bin/tests/crash/machine_stop" --role=writer --store="$work/inner/store" --ledger="$work/ledger" \
      --boot="$system.$round.writer" --seed="$seed" &
    writer=$!
    until [ -s "$work/ledger" ]; do
      if ! kill -0 "$writer" 2>/dev/null; then return 1; fi
      sleep 0.05
    done
    sleep "$((RANDOM % 3)).$((RANDOM % 1000))"
    cp "$work/ledger" "$work/before"
    cp --reflink=always "$work/outer/image" "$work/outer/copy" || return
    cp "$work/ledger" "$work/after"
    kill -KILL "$writer"
    wait "$writer" 2>/dev/null || true
    writer=
    umount "$work/inner" || return
    mv "$work/outer/copy" "$work/outer/image"
    mount -o "$how" "$work/outer/image" "$work/copy" || return
    "$bin/tests/crash/machine_stop" --role=verifier --store="$work/copy/store" --before="$work/before" \
      --after="$work/after" --boot="$system.$round.verifier" --seed="$seed" || return
    umount "$work/copy" || return
  done
  rm "$work/outer/image"
}

# A file of any system can be taken as of one moment where the file system below can do that.
truncate -s 4G "$work/outer.img"
can_stop=yes
mkfs.xfs -q -m reflink=1 "$work/outer.img" && mount -o loop "$work/outer.img" "$work/outer" || can_stop=

failed=0
ran=0
check() {
  local at=$SECONDS
  if "${@:2}"; then
    say "passed: $1 ($((SECONDS - at))s)"
  else
    say "FAILED: $1 ($((SECONDS - at))s)"
    failed=1
  fi
}
for system in "${systems[@]}"; do
  if ! command -v "mkfs.$system" >/dev/null || ! grep -qw "$system" /proc/filesystems && ! modprobe -q "$system"; then
    say "SKIPPED: $system: this system has no mkfs.$system, or its kernel does not know it"
    continue
  fi
  ran=$((ran + 1))
  check "$system: tests of files" on_disk "$system" 1G file_tests
  if [ "$system" = btrfs ]; then
    say "SKIPPED: btrfs: full disk: a store into a mapped page takes a new block there, reserved or not (docs/durability.md)"
  else
    check "$system: full disk" on_disk "$system" 320M full_disk
  fi
  check "$system: processes that are killed" on_disk "$system" 1G kill_loop
  if [ -n "$can_stop" ]; then
    check "$system: machines that stop" machine_stops "$system"
  else
    say "SKIPPED: $system: machines that stop: no xfs below, which can copy a file as of one moment"
  fi
done
if [ "$ran" = 0 ]; then skip "none of ${systems[*]} can be made here"; fi
exit $failed
