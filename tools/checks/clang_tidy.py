#!/usr/bin/env python3
"""Runs clang-tidy over our own sources with the compile flags that Bazel uses.

usage: clang_tidy.py [--jobs N] [FILE...]

The flags come from `bazel aquery`, so the file list is what Bazel builds: a source that no target
names is not checked. Sources that were clean are remembered by the hash of everything their check
depends on, and skipped.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

OURS = re.compile(r"^(numpack|python|cli|bench|tests|examples)/.*\.cc$")
TIDY = "clang-tidy-14"
STARTUP = os.environ.get("NUMPACK_BAZEL_STARTUP", "").split()
CACHE = pathlib.Path.home() / ".cache" / "numpack-tidy"


def bazel(*args):
    return subprocess.run(
        ["bazel", *STARTUP, *args], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def compile_commands(output_base):
    """{source: flags} of our sources, as the everyday configuration compiles them."""
    graph = json.loads(
        bazel("aquery", "--noshow_progress", "--output=jsonproto", 'mnemonic("CppCompile", //...)')
    )
    commands = {}
    for action in graph.get("actions", []):
        arguments = action.get("arguments", [])
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        if OURS.match(source):
            commands.setdefault(source, clean(arguments[1:], output_base))
    return commands


def clean(arguments, output_base):
    """Flags for the top of the tree: without outputs, without what clang 14 does not know."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-c", "-o", "-MF"):
            skip = True
        elif argument in ("-MD", "-fno-canonical-system-headers", "-Werror") or argument.startswith(
            ("-frandom-seed", "-Wno-free-nonheap", "-Wunused-but-set", "-fsanitize", "-g")
        ):
            continue
        else:
            kept.append(re.sub(r"^(-I)?(?=external/)", rf"\1{output_base}/", argument))
    # Release builds leave assert() out; the checks should see it.
    return [*kept, "-UNDEBUG", "-Wno-unknown-warning-option"]


def fingerprint(source, flags, config):
    """Hash of all that the check of SOURCE depends on; None if it does not compile."""
    listing = subprocess.run(["clang++-14", *flags, "-M", source], capture_output=True, text=True)
    if listing.returncode:
        return None
    digest = hashlib.sha256(config + "\0".join(flags).encode())
    for name in listing.stdout.replace("\\\n", " ").split()[1:]:
        # Compilers' and libraries' headers change with their packages only.
        if not name.startswith("/"):
            digest.update(pathlib.Path(name).read_bytes())
    return digest.hexdigest()


def check(source, flags, config):
    """(source, report or None when clean)."""
    print_ = fingerprint(source, flags, config)
    stamp = CACHE / print_ if print_ else None
    if stamp and stamp.exists():
        return source, None
    run = subprocess.run([TIDY, "--quiet", source, "--", *flags], capture_output=True, text=True)
    if run.returncode == 0:
        if stamp:
            stamp.touch()
        return source, None
    return source, run.stdout + "".join(
        line for line in run.stderr.splitlines(True) if "error" in line and "warnings" not in line
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    commands = compile_commands(bazel("info", "output_base").strip())
    if args.files:
        commands = {source: flags for source, flags in commands.items() if source in args.files}
    config = pathlib.Path(".clang-tidy").read_bytes()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [
            pool.submit(check, source, flags, config) for source, flags in sorted(commands.items())
        ]
        for job in concurrent.futures.as_completed(jobs):
            source, report = job.result()
            if report is not None:
                bad += 1
                print(f"== {source}\n{report}", flush=True)
    print(f"clang-tidy: {len(commands)} sources, {bad} with findings")
    # No source at all would mean that the query broke.
    sys.exit(1 if bad or not commands else 0)


if __name__ == "__main__":
    main()
