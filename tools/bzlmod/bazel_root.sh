#!/usr/bin/env bash
# A folder with a Debian that carries Bazel 7, made once (some minutes, 1.5 GB). Run as root.
#
# usage: bazel_root.sh DIR [SUITE]
set -euo pipefail
dir=$1 suite=${2:-forky}
if [ -e "$dir/.complete" ]; then exit 0; fi

# apt fills in the names in parentheses.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
  awk '$2 == "main" { print $1; exit }')
rm -rf "$dir"
mkdir -p "$dir"
# This machine's debootstrap need not know a suite of that name: it gets sid's script.
debootstrap --variant=minbase "$suite" "$dir" "$mirror" /usr/share/debootstrap/scripts/sid >"$dir.log" 2>&1 || {
  tail -3 "$dir.log"
  exit 1
}
printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
chmod +x "$dir/usr/sbin/policy-rc.d"
cp /etc/apt/apt.conf.d/* "$dir/etc/apt/apt.conf.d/" 2>/dev/null || true
# A mount and a process namespace of its own: /proc goes away by itself, whatever happens.
# shellcheck disable=SC2016
DIR=$dir unshare --mount --pid --fork --kill-child --propagation private bash -ec '
  mount -t proc proc "$DIR/proc"
  exec chroot "$DIR" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive bash -ec "
    apt-get update
    apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io bazel-bootstrap g++
    apt-get clean
    bazel --version"' >>"$dir.log" 2>&1 || {
  tail -3 "$dir.log"
  exit 1
}
touch "$dir/.complete"
