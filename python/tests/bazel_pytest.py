"""Runs one file of tests with pytest, on the package in the runfiles: main of the Bazel targets."""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    here = Path(__file__).parent
    sys.path.insert(0, str(here.parent))
    # Tests start interpreters of their own, which must find the package too.
    os.environ["PYTHONPATH"] = str(here.parent)
    report = os.environ.get("XML_OUTPUT_FILE")
    options = ["-q", "-p", "no:cacheprovider"] + ([f"--junit-xml={report}"] if report else [])
    sys.exit(pytest.main([*options, *(str(here / name) for name in sys.argv[1:])]))
