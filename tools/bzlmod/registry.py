#!/usr/bin/env python3
"""Writes a local Bazel registry, in the layout of the Bazel Central Registry, out of .distdir.

usage: registry.py OUT DISTDIR     then: bazel ... --registry=file:///absolute/path/of/OUT

It stands in for the public registry where there is no network; MODULE.bazel does not know of it.
"""

import json
import pathlib
import re
import shutil
import sys
import tarfile
import typing


class Library(typing.NamedTuple):
    archive: str
    # Versions to offer, all of them with this one source: the graph names older ones too.
    versions: list
    # What the archive's own MODULE.bazel lacks.
    extra: str = ""


LIBRARIES = {
    "abseil-cpp": Library("abseil-cpp-20240722.0.tar.gz", ["20240722.0", "20250127.0"]),
    "googletest": Library("googletest-1.16.0.tar.gz", ["1.12.1", "1.15.2", "1.16.0"]),
    "google_benchmark": Library("v1.9.1.tar.gz", ["1.9.1"]),
    "highway": Library(
        "1.2.0.tar.gz", ["1.2.0"], '\nbazel_dep(name = "platforms", version = "0.0.10")\n'
    ),
}

# Named in the graph (by Bazel itself, GoogleTest, Benchmark) but never built here.
STUBS = {
    "apple_support": ["1.23.1"],
    "buildozer": ["7.1.2"],
    "libpfm": ["4.11.0"],
    "protobuf": ["3.19.6", "21.7"],
    "re2": ["2024-07-02", "2025-11-05.bcr.1"],
    "rules_foreign_cc": ["0.10.1"],
    "zlib": ["1.3.1.bcr.3"],
}
# `bazel mod graph` evaluates every module extension.
BUILDOZER = """\
def _repository(ctx):
    ctx.file("BUILD")

_repo = repository_rule(_repository)

def _extension(ctx):
    _repo(name = "buildozer_binary")

buildozer_binary = module_extension(_extension)
"""


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def offer(out, name, versions, module, folder):
    """An entry of the registry for each of VERSIONS, all with the sources in FOLDER."""
    for version in versions:
        entry = out / "modules" / name / version
        put(
            entry / "MODULE.bazel",
            re.sub(r'(module\([^)]*?version\s*=\s*)"[^"]*"', rf'\g<1>"{version}"', module, count=1),
        )
        put(entry / "source.json", json.dumps({"type": "local_path", "path": folder}) + "\n")
    metadata = {"versions": versions, "yanked_versions": {}}
    put(out / "modules" / name / "metadata.json", json.dumps(metadata) + "\n")


def main():
    out, distdir = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(out, ignore_errors=True)
    put(out / "bazel_registry.json", json.dumps({"module_base_path": "src"}) + "\n")
    for name, library in LIBRARIES.items():
        with tarfile.open(distdir / library.archive) as tar:
            top = tar.next().name.split("/")[0]
            tar.extractall(out / "src")
        file = out / "src" / top / "MODULE.bazel"
        file.write_text(file.read_text() + library.extra)
        offer(out, name, library.versions, file.read_text(), top)
    for name, versions in STUBS.items():
        put(out / "src" / name / "BUILD.bazel", "")
        put(out / "src" / name / "MODULE.bazel", f'module(name = "{name}")\n')
        if name == "buildozer":
            put(out / "src" / name / "buildozer_binary.bzl", BUILDOZER)
        offer(out, name, versions, f'module(name = "{name}", version = "x")\n', name)


main()
