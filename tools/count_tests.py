#!/usr/bin/env python3
"""Counts test cases: of a JUnit file, or behind the summary that `bazel test` printed.

usage: count_tests.py LOG TESTLOGS
       count_tests.py --junit FILE

LOG is bazel's output, TESTLOGS its bazel-testlogs folder. Prints "passed N", "failed N" and
"skipped N". A target whose XML names no cases (a script, a Python program) counts as one.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SUMMARY = re.compile(
    r"^//(\S*):(\S+)\s+(?:\(cached\) )?"
    r"(PASSED|FLAKY|FAILED TO BUILD|FAILED|TIMEOUT|NO STATUS|SKIPPED|INCOMPLETE)"
)


def cases(*files):
    """(passed, failed, skipped) of some JUnit files."""
    passed = failed = skipped = 0
    for xml in files:
        if not xml.exists():
            continue
        try:
            tree = ElementTree.parse(xml)
        except ElementTree.ParseError:
            continue
        for case in tree.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None or case.get("result") == "suppressed":
                skipped += 1
            elif case.get("status") != "notrun":
                passed += 1
    return passed, failed, skipped


def of_bazel(log, testlogs):
    """(passed, failed, skipped) of the targets that LOG names."""
    log, testlogs = pathlib.Path(log), pathlib.Path(testlogs)
    passed = failed = skipped = 0
    for line in log.read_text(errors="replace").splitlines():
        match = SUMMARY.match(line)
        if not match:
            continue
        package, name, result = match.groups()
        if result == "SKIPPED":
            skipped += 1
            continue
        folder = testlogs / package / name
        # One file, or one per shard.
        p, f, s = cases(folder / "test.xml", *folder.glob("shard_*/test.xml"))
        if result in ("PASSED", "FLAKY"):
            passed, skipped = passed + max(p, 1 if not s else 0), skipped + s
        else:
            passed, failed, skipped = passed + p if f else passed, failed + max(f, 1), skipped + s
    return passed, failed, skipped


def main():
    if sys.argv[1] == "--junit":
        counts = cases(pathlib.Path(sys.argv[2]))
    else:
        counts = of_bazel(*sys.argv[1:])
    for what, number in zip(("passed", "failed", "skipped"), counts, strict=True):
        print(what, number)


if __name__ == "__main__":
    main()
