#!/usr/bin/env bash
# Builds and tests this tree and a module that depends on it (tools/bzlmod/consumer) with Bazel 7 and MODULE.bazel,
# without a network: in a folder with a Debian that has it, from a registry made of .distdir.
#
# $NUMPACK_BAZEL7 is where that folder and the caches stay; default ~/.cache/numpack-bazel7.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if ! command -v apt-get >/dev/null; then skip "the Bazel 7 used here comes from Debian"; fi
if [ "$(id -u)" != 0 ]; then skip "making a Debian folder needs root"; fi
tools/setup.sh build bazel7
if ! unshare --mount --pid --fork true 2>/dev/null; then skip "no permission to make namespaces (unshare)"; fi
if ! bwrap --ro-bind / / --dev /dev --proc /proc --unshare-net --unshare-pid true 2>/dev/null; then
  skip "no permission to make namespaces (bwrap)"
fi

state=${NUMPACK_BAZEL7:-$HOME/.cache/numpack-bazel7}
mkdir -p "$state/cache"
if [ ! -e "$state/root/.complete" ]; then say "making a Debian with Bazel 7 in $state/root"; fi
bash tools/bzlmod/bazel_root.sh "$state/root"
tools/bzlmod/registry.py "$state/registry" .distdir

# in_root COMMAND...: there, with this tree as /srv and the registry as /mnt, without a network.
in_root() {
  bwrap --ro-bind "$state/root" / --dev /dev --proc /proc --tmpfs /dev/shm --tmpfs /tmp --tmpfs /run \
    --bind "$state/cache" /root --ro-bind "$state/registry" /mnt --ro-bind "$root" /srv \
    --unshare-net --unshare-pid --die-with-parent --clearenv --setenv HOME /root --setenv USER root \
    --setenv PATH /usr/bin:/bin --setenv LANG C.UTF-8 --setenv SYSTEM_PYTHON /usr/bin/python3 "$@"
}

status=0
for folder in /srv /srv/tools/bzlmod/consumer; do
  log=$(mktemp)
  in_root --chdir $folder bazel --batch test --config=offline --registry=file:///mnt --disk_cache=/root/disk \
    --jobs=2 --symlink_prefix=/ --noshow_progress --keep_going //... 2>&1 |
    grep -v -e '^WARNING: ' -e '^OpenJDK ' | tee "$log" || status=1
  count_tests "$log" "" "bazel 7 in $folder"
  rm -f "$log"
done
exit $status
