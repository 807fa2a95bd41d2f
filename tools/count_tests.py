#!/usr/bin/env python3
"""Counts test cases behind the summary that `bazel test` printed.

usage: count_tests.py LOG TESTLOGS

LOG is bazel's output, TESTLOGS its bazel-testlogs folder. Prints "passed N", "failed N" and "skipped N". A target
whose XML names no cases (a script, a Python program) counts as one.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SUMMARY = re.compile(
    r"^//(\S*):(\S+)\s+(?:\(cached\) )?(PASSED|FLAKY|FAILED TO BUILD|FAILED|TIMEOUT|NO STATUS|SKIPPED|INCOMPLETE)"
)


def cases(folder):
    """(passed, failed, skipped) of one target by its test.xml files, one per shard."""
    passed = failed = skipped = 0
    for xml in [folder / "test.xml", *folder.glob("shard_*/test.xml")]:
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


def main():
    log, testlogs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    passed = failed = skipped = 0
    for line in log.read_text(errors="replace").splitlines():
        match = SUMMARY.match(line)
        if not match:
            continue
        package, name, result = match.groups()
        if result == "SKIPPED":
            skipped += 1
            continue
        p, f, s = cases(testlogs / package / name)
        if result in ("PASSED", "FLAKY"):
            passed, skipped = passed + max(p, 1 if not s else 0), skipped + s
        else:
            passed, failed, skipped = passed + p if f else passed, failed + max(f, 1), skipped + s
    print(f"passed {passed}\nfailed {failed}\nskipped {skipped}")


if __name__ == "__main__":
    main()
