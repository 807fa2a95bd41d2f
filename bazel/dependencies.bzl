"""What NumPack needs, for Bazel 4 with WORKSPACE; Bazel 7 reads MODULE.bazel. The versions of the two move together.

A project that uses NumPack calls numpack_dependencies() in its WORKSPACE. A repository that it has declared before
stays as it is. tools/distdir.py and CMakeLists.txt read the archives' addresses and hashes in this file too.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//third_party/python:system_python.bzl", "system_python")

def _stand_in_impl(ctx):
    top = ctx.path(Label("//bazel:BUILD")).dirname.dirname
    for entry in ctx.path("%s/third_party/bazel/%s" % (top, ctx.attr.folder)).readdir():
        ctx.symlink(entry, entry.basename)

# A folder of third_party/bazel as a repository, also where NumPack is not the main one.
_stand_in = repository_rule(
    implementation = _stand_in_impl,
    attrs = {"folder": attr.string(mandatory = True)},
    local = True,
)

def numpack_dependencies():
    """Declares what //numpack needs to be built."""
    maybe(
        http_archive,
        name = "rules_cc",
        # Bazel 4 has no use_cpp_toolchain().
        patch_cmds = ["""
sed -i -e 's/, "use_cpp_toolchain")/)/' -e 's|use_cpp_toolchain()|["@bazel_tools//tools/cpp:toolchain_type"]|' cc/private/rules_impl/*.bzl
"""],
        sha256 = "af6cc82d87db94585bceeda2561cb8a9d55ad435318ccb4ddfee18a43580fb5d",
        strip_prefix = "rules_cc-0.0.4",
        urls = ["https://github.com/bazelbuild/rules_cc/releases/download/0.0.4/rules_cc-0.0.4.tar.gz"],
    )
    maybe(
        http_archive,
        name = "platforms",
        # Values that newer libraries name in select()s and this release lacks.
        patch_cmds = [
            """for v in mips64 riscv64; do echo "constraint_value(name = '$v', constraint_setting = ':cpu')" >>cpu/BUILD; done""",
            """for v in fuchsia; do echo "constraint_value(name = '$v', constraint_setting = ':os')" >>os/BUILD; done""",
        ],
        sha256 = "d62cb553b378d2acb4e63de21dce82d025ce2ef2bdfcee2c2b742788314df0b1",
        strip_prefix = "platforms-0.0.2",
        urls = ["https://github.com/bazelbuild/platforms/archive/0.0.2.tar.gz"],
    )
    maybe(
        http_archive,
        name = "bazel_skylib",
        sha256 = "7ac0fa88c0c4ad6f5b9ffb5e09ef81e235492c873659e6bb99efb89d11246bcb",
        strip_prefix = "bazel-skylib-1.0.3",
        urls = ["https://github.com/bazelbuild/bazel-skylib/archive/1.0.3.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_google_absl",
        sha256 = "f50e5ac311a81382da7fa75b97310e4b9006474f9560ac46f54a9967f07d4ae3",
        strip_prefix = "abseil-cpp-20240722.0",
        urls = ["https://github.com/abseil/abseil-cpp/releases/download/20240722.0/abseil-cpp-20240722.0.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_google_highway",
        sha256 = "7e0be78b8318e8bdbf6fa545d2ecb4c90f947df03f7aadc42c1967f019e63343",
        strip_prefix = "highway-1.2.0",
        urls = ["https://github.com/google/highway/archive/refs/tags/1.2.0.tar.gz"],
    )
    maybe(
        _stand_in,
        name = "rules_java",
        folder = "rules_java",
    )
    maybe(
        _stand_in,
        name = "rules_license",
        folder = "rules_license",
    )
    maybe(
        system_python,
        name = "system_python",
    )

def numpack_development_dependencies():
    """Declares what tests and benchmarks need besides.

    That is GoogleTest (for the conformance suite of backends too), Benchmark, and a stand-in for the program that
    Bazel 4 downloads for `bazel test`, for machines without a network.
    """
    maybe(
        http_archive,
        name = "com_google_googletest",
        sha256 = "78c676fc63881529bf97bf9d45948d905a66833fbfa5318ea2cd7478cb98f399",
        strip_prefix = "googletest-1.16.0",
        urls = ["https://github.com/google/googletest/releases/download/v1.16.0/googletest-1.16.0.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_github_google_benchmark",
        # Bazel 4 has no module_version().
        patch_cmds = ["""sed -i 's/(module_version() if module_version() != None else "")/"1.9.1"/' BUILD.bazel"""],
        sha256 = "32131c08ee31eeff2c8968d7e874f3cb648034377dfc32a4c377fa8796d84981",
        strip_prefix = "benchmark-1.9.1",
        urls = ["https://github.com/google/benchmark/archive/refs/tags/v1.9.1.tar.gz"],
    )
    maybe(
        _stand_in,
        name = "remote_coverage_tools",
        folder = "remote_coverage_tools",
    )
