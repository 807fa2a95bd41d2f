#!/usr/bin/env python3
"""Writes cmake/sources.cmake, CMake's list of sources and headers, out of Bazel's targets.

usage: cmake_sources.py [--check]

--check changes nothing, and fails where that file or CMakeLists.txt is behind Bazel.
"""

import argparse
import ast
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

STARTUP = os.environ.get("NUMPACK_BAZEL_STARTUP", "").split()
FILE = pathlib.Path("cmake/sources.cmake")
# What a user may name: //numpack, and all that is public for authors of backends.
PUBLIC = (
    'attr(visibility, "//visibility:public", kind(cc_library, //numpack/...))'
    " except attr(testonly, 1, //numpack/...)"
)
PLATFORM = re.compile(r"(?:^|[/_])(posix|win32)(?:[_.])")
INCLUDE = re.compile(r'^#include "(numpack/[^"]+)"', re.M)
# Where CMake's name of one of Abseil's libraries is not Bazel's.
ABSEIL_NAMES = {"algorithm:container": "algorithm_container"}

HEADER = """\
# Written by tools/cmake_sources.py out of the BUILD files, and compared by tools/checks/cmake.sh.
"""


def query(expression, *options):
    command = ["bazel", *STARTUP, "query", "--noshow_progress", "--noimplicit_deps", *options]
    return subprocess.run(
        [*command, expression], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def path(label):
    return label.lstrip("@").removeprefix("//").replace(":", "/").lstrip("/")


def library():
    """Sources of the public targets and what they depend on; Abseil's libraries that these name."""
    xml = query(f"deps({PUBLIC}) intersect //numpack/...", "--output=xml")
    # Bazel says XML 1.1, which Python's parser refuses.
    xml = ElementTree.fromstring(xml.replace('version="1.1"', 'version="1.0"', 1))
    sources, abseil = set(), set()
    for rule in xml.iter("rule"):
        for item in rule.findall("list[@name='srcs']/label"):
            sources.add(path(item.get("value")))
        for item in rule.findall("rule-input"):
            found = re.match(r"@@?[^/]*absl[^/]*//absl/(.*)", item.get("name"))
            if found:
                package, name = found[1].split(":")
                abseil.add(ABSEIL_NAMES.get(f"{package}:{name}", name))
    return {source for source in sources if source.endswith(".cc")}, abseil


def public_headers():
    """Headers of the public targets and of those that //numpack names, and what they include."""
    named = query(f"labels(hdrs, ({PUBLIC}) + labels(deps, //numpack) intersect //numpack/...)")
    todo, found = [path(label) for label in named.split()], set()
    while todo:
        header = todo.pop()
        if header not in found:
            found.add(header)
            todo += INCLUDE.findall(pathlib.Path(header).read_text())
    return found


def text():
    sources, abseil = library()
    lists = {
        "NUMPACK_SOURCES": {s for s in sources if not PLATFORM.search(s)},
        "NUMPACK_POSIX_SOURCES": {s for s in sources if "posix" in PLATFORM.findall(s)},
        "NUMPACK_WIN32_SOURCES": {s for s in sources if "win32" in PLATFORM.findall(s)},
        "NUMPACK_PUBLIC_HEADERS": public_headers(),
        "NUMPACK_ABSEIL": abseil,
    }
    parts = [HEADER]
    for name, items in lists.items():
        if not items:
            sys.exit(f"Bazel knows of nothing for {name}")
        parts.append("\n".join([f"set({name}", *(f"  {i}" for i in sorted(items)), ")"]) + "\n")
    return "".join(parts)


def flags():
    """What of Bazel's flags decides about results: CMakeLists.txt has to have it too."""
    for file in ("bazel/numpack.bzl", "numpack/kernels/BUILD"):
        for node in ast.walk(ast.parse(pathlib.Path(file).read_text())):
            value = getattr(node, "value", None)
            if isinstance(value, str) and value.startswith(("-ff", "HWY_DISABLED_TARGETS")):
                yield value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    wanted = text()
    if not args.check:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(wanted)
        return
    bad = []
    if not FILE.exists() or FILE.read_text() != wanted:
        bad.append(f"{FILE} is behind the BUILD files: run tools/cmake_sources.py")
    cmake = pathlib.Path("CMakeLists.txt").read_text()
    bad += [f"CMakeLists.txt lacks {flag}" for flag in flags() if flag not in cmake]
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


main()
