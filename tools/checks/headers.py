#!/usr/bin/env python3
"""What headers.sh says, of the headers and sources in cmake/sources.cmake.

usage: headers.py OUTPUT_BASE BAZEL_BIN     where Abseil's headers and the compiled library are
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

# <cstdint> or <new>; not <unistd.h>, not <windows.h>.
ALLOWED_INCLUDE = re.compile(r'<[a-z_]+>|"(numpack|absl)/[^"]+\.h"')
INCLUDE = re.compile(r"^\s*#\s*include\s+(\S+)", re.M)
DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)", re.M)
COMPILE = "g++ -std=c++17 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -x c++ -"
# Of weak symbols: inline functions and templates of others, which every user of theirs has too.
OTHERS = re.compile(r"\b(std|absl|hwy|__gnu_cxx|__cxxabiv1)::|^DW\.ref\.")
SPECIAL = re.compile(
    r"^((vtable|typeinfo|typeinfo name|VTT|guard variable|construction vtable) for |"
    r"(non-virtual|virtual) thunk to )"
)


def cmake_list(name):
    text = pathlib.Path("cmake/sources.cmake").read_text()
    return re.search(rf"^set\({name}\n(.*?)\)", text, re.M | re.S)[1].split()


def text_findings(header):
    """What the text of a header includes and defines that it should not."""
    text = pathlib.Path(header).read_text()
    for include in INCLUDE.findall(text):
        if not ALLOWED_INCLUDE.fullmatch(include):
            yield f"{header} includes {include}"
    for macro in DEFINE.findall(text):
        if not macro.startswith("NUMPACK_"):
            yield f"{header} defines {macro}"
    if "using namespace" in text:
        yield f"{header} has a using-directive"


def compile_findings(header, abseil):
    run = subprocess.run(
        [*COMPILE.split(), "-I.", "-isystem", abseil],
        input=f'#include "{header}"\n#include "{header}"\n',
        capture_output=True,
        text=True,
    )
    if run.returncode:
        yield f"{header} does not compile alone:\n{run.stderr}"


def ours(symbol):
    return SPECIAL.sub("", symbol).startswith("numpack::")


def symbol_findings(source, bazel_bin):
    """Names that the objects of a source export and that are not in numpack::."""
    path = pathlib.Path(source)
    objects = list((bazel_bin / path.parent / "_objs").glob(f"*/{path.stem}.pic.o"))
    if not objects:
        yield f"{source} has no object in {bazel_bin}"
    for file in objects:
        listing = subprocess.run(
            ["nm", "--demangle", "--defined-only", "--extern-only", file],
            check=True,
            capture_output=True,
            text=True,
        )
        for line in listing.stdout.splitlines():
            _, kind, symbol = line.split(" ", 2)
            if ours(symbol):
                continue
            # Templates over our types and inline functions of others are weak.
            if kind in "WVu" and (OTHERS.search(symbol) or "numpack::" in symbol):
                continue
            yield f"{source} exports {symbol} ({kind})"


def main():
    output_base, bazel_bin = map(pathlib.Path, sys.argv[1:])
    headers = cmake_list("NUMPACK_PUBLIC_HEADERS")
    sources = cmake_list("NUMPACK_SOURCES") + cmake_list("NUMPACK_POSIX_SOURCES")
    abseil = output_base / "external" / "com_google_absl"
    bad = [finding for header in headers for finding in text_findings(header)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for findings in pool.map(lambda header: list(compile_findings(header, abseil)), headers):
            bad += findings
    for source in sources:
        bad += symbol_findings(source, bazel_bin)
    print("\n".join(bad))
    print(f"headers: {len(headers)} headers, {len(sources)} sources, {len(bad)} findings")
    sys.exit(1 if bad else 0)


main()
