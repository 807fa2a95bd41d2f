#!/usr/bin/env bash
# The way of CMake and pkg-config: builds and installs the library with CMake, then a project that finds it
# (examples/cmake_consumer), in both ways. Needs no network where .distdir is filled.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build cmake

tools/cmake_sources.py --check
say "cmake/sources.cmake is what Bazel builds"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
# Objects are found again although they are built elsewhere each time.
export CCACHE_DIR=$HOME/.cache/numpack-ccache CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1

# quiet COMMAND...: its output only where it fails.
quiet() { "$@" >"$work/log" 2>&1 || { tail -50 "$work/log" && return 1; }; }

# Here it matters that all is compiled and linked, not how quick it is: nothing is optimised, and kernels are made for
# the lowest instruction set alone.
configure() {
  quiet cmake -G Ninja -S . -B "$@" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_FLAGS_RELEASE='-O0 -DHWY_COMPILE_ONLY_STATIC'
  grep '^-- NumPack: ' "$work/log"
}

# run_consumer NAME ARGUMENT...: configures the consumer with the arguments, builds and runs it.
run_consumer() {
  local folder=$work/consumer_$1
  quiet cmake -G Ninja -S examples/cmake_consumer -B "$folder" "${@:2}"
  quiet cmake --build "$folder"
  quiet ctest --test-dir "$folder" --no-tests=error --output-on-failure
  record passed 1 "consumer by $1"
  say "a consumer by $1 builds and runs"
}

configure "$work/build" -DCMAKE_DISABLE_FIND_PACKAGE_absl=ON -DCMAKE_DISABLE_FIND_PACKAGE_hwy=ON
quiet cmake --build "$work/build"
quiet cmake --install "$work/build"
say "built and installed, with Abseil and Highway from their archives"

run_consumer find_package -DCMAKE_PREFIX_PATH="$prefix"
PKG_CONFIG_PATH=$prefix/lib/pkgconfig run_consumer pkg-config -DUSE_PKG_CONFIG=ON

# Once more with the Abseil and the Highway that now lie there; one source of each will do to see that they serve.
configure "$work/found" -DCMAKE_PREFIX_PATH="$prefix"
if [ "$(grep -c "^-- NumPack: found .* in $prefix" "$work/log")" != 2 ]; then
  say "FAILED: installed Abseil and Highway are not taken"
  exit 1
fi
quiet ninja -C "$work/found" CMakeFiles/numpack.dir/numpack/{base/crc32c,kernels/transcendental}.cc.o
say "Abseil and Highway that are installed are taken"
