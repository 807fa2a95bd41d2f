"""Compile flags and compatibility lists that all packages share."""

load("@system_python//:defs.bzl", "HAVE_PYTHON_DEV")

_GNU_COPTS = [
    # a * b + c must round twice, as NumPy's does, also where the CPU has a fused instruction.
    "-ffp-contract=off",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
]

# copts of every C++ target. -Wall -Wextra -Werror come from .bazelrc, so that a project which builds NumPack as
# a dependency never stops at a warning of a newer compiler.
NUMPACK_COPTS = select({
    "//bazel:msvc": [
        "/utf-8",
        "/DNOMINMAX",
    ],
    # Clang otherwise drops what keeps the unused lanes of a vector from raising floating point exceptions.
    "//bazel:clang_x86": _GNU_COPTS + ["-ffp-exception-behavior=strict"],
    "//conditions:default": _GNU_COPTS,
})

# target_compatible_with of what needs the headers of Python, NumPy and nanobind: such targets are skipped, and
# named as skipped, in cross builds and where a header is missing.
PYTHON_COMPATIBLE = select({
    "//bazel:cross": ["@system_python//:unavailable"],
    "//conditions:default": [] if HAVE_PYTHON_DEV else ["@system_python//:unavailable"],
})

# target_compatible_with of POSIX-only and Windows-only targets.
POSIX_ONLY = select({
    "@platforms//os:windows": ["@system_python//:unavailable"],
    "//conditions:default": [],
})
WINDOWS_ONLY = ["@platforms//os:windows"]
