# shellcheck shell=bash
# Bazel 7 without a network: in a folder with a Debian that has it, from a registry made of .distdir. For scripts that
# have sourced tools/lib.sh.
#
# $NUMPACK_BAZEL7 is where that folder and the caches stay; default ~/.cache/numpack-bazel7.
bazel7_state=${NUMPACK_BAZEL7:-$HOME/.cache/numpack-bazel7}

# bazel7_need: makes what is missing, and skips the check where that cannot be had.
bazel7_need() {
  if ! command -v apt-get >/dev/null; then skip "the Bazel 7 used here comes from Debian"; fi
  if [ "$(id -u)" != 0 ]; then skip "making a Debian folder for Bazel 7 needs root"; fi
  tools/setup.sh build bazel7
  if ! unshare --mount --pid --fork true 2>/dev/null; then skip "no permission to make namespaces (unshare)"; fi
  if ! bwrap --ro-bind / / --dev /dev --proc /proc --unshare-net --unshare-pid true 2>/dev/null; then
    skip "no permission to make namespaces (bwrap)"
  fi
  mkdir -p "$bazel7_state/cache"
  if [ ! -e "$bazel7_state/root/.complete" ]; then say "making a Debian with Bazel 7 in $bazel7_state/root"; fi
  bash tools/bzlmod/bazel_root.sh "$bazel7_state/root"
  tools/bzlmod/registry.py "$bazel7_state/registry" .distdir
}

# bazel7_test FOLDER [OPTION...]: `bazel test //...` of a folder of this tree, with this tree as /srv and the registry
# as /mnt.
# What else is on the command line is what .bazelrc says for this tree, so that both share what they compile.
bazel7_test() {
  local log status=0
  log=$(mktemp)
  bwrap --ro-bind "$bazel7_state/root" / --dev /dev --proc /proc --tmpfs /dev/shm --tmpfs /tmp --tmpfs /run \
    --bind "$bazel7_state/cache" /root --ro-bind "$bazel7_state/registry" /mnt --ro-bind "${root:?}" /srv \
    --unshare-net --unshare-pid --die-with-parent --clearenv --setenv HOME /root --setenv USER root \
    --setenv PATH /usr/bin:/bin --setenv LANG C.UTF-8 --setenv SYSTEM_PYTHON /usr/bin/python3 \
    --chdir "/srv/$1" bazel --batch --bazelrc=/srv/tools/bzlmod/offline.bazelrc test --registry=file:///mnt \
    --disk_cache=/root/disk --jobs=2 --symlink_prefix=/ --noshow_progress --keep_going --nosandbox_debug \
    --force_pic --incompatible_strict_action_env "${@:2}" //... 2>&1 |
    grep -v -e '^WARNING: ' -e '^OpenJDK ' | tee "$log" || status=1
  count_tests "$log" "" "bazel 7 in $1"
  rm -f "$log"
  return "$status"
}
