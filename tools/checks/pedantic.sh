#!/usr/bin/env bash
# No extensions of GNU's or Microsoft's in what is written for one system alone: those sources, with -Wpedantic, by GCC
# and by Clang; for Windows with MinGW's headers. (Clang's own mode for MSVC cannot be had with these: it wants
# Microsoft's standard library, and MinGW's headers are written for GNU's mode.)
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [ "$(uname -m)" != x86_64 ]; then skip "cross building is set up for x86-64 machines, this is $(uname -m)"; fi
tools/setup.sh build clang mingw

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
bazel "${startup[@]}" query --noshow_progress 'deps(//numpack)' >/dev/null # has Abseil unpacked
abseil=$(bazel "${startup[@]}" info output_base 2>/dev/null)/external/com_google_absl
mingw=$(x86_64-w64-mingw32-g++-posix -print-file-name=include)/c++
flags=(-std=c++17 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I. -isystem "$abseil")
clang_flags=(-Wgnu -Wmicrosoft)
windows=(-D_WIN32_WINNT=0x0A00 -DNOMINMAX)

# sources LIST: of cmake/sources.cmake.
sources() { sed -n "/^set($1\$/,/^)/p" cmake/sources.cmake | sed '1d;$d'; }

compile() {
  local list=$1 number=0 failed=0 source
  shift
  for source in $(sources "$list"); do
    "$@" "${flags[@]}" "$source" || failed=$((failed + 1))
    number=$((number + 1))
  done
  say "$list by $1: $number sources, $failed with findings"
  [ "$number" -gt 0 ] && [ "$failed" = 0 ]
}

status=0
compile NUMPACK_POSIX_SOURCES g++ || status=1
compile NUMPACK_POSIX_SOURCES clang++-14 "${clang_flags[@]}" || status=1
compile NUMPACK_WIN32_SOURCES x86_64-w64-mingw32-g++-posix "${windows[@]}" || status=1
compile NUMPACK_WIN32_SOURCES clang++-14 --target=x86_64-w64-windows-gnu "${clang_flags[@]}" "${windows[@]}" \
  -isystem "$mingw" -isystem "$mingw/x86_64-w64-mingw32" -isystem "$mingw/backward" || status=1
exit $status
