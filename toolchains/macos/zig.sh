# shellcheck shell=bash
# Finds Clang, headers and linker for macOS in the PyPI package "ziglang", where tools/setup.sh macos has put it: $zig.
# Bazel's actions have no $HOME; the shell finds it by itself.
unset HOME
cache=(~/.cache/numpack-zig)
export ZIG_GLOBAL_CACHE_DIR=${cache[0]}/cache ZIG_LOCAL_CACHE_DIR=${cache[0]}/cache
# shellcheck disable=SC2034  # for those that source this
zig=("${cache[0]}"/venv/lib/python3*/site-packages/ziglang/zig)
