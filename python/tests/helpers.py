"""What several test files use."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

DTYPES = [
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


def numbers(*shape, dtype="float64"):
    """0, 1, 2, ... in the given shape."""
    with np.errstate(over="ignore"):  # float16 ends at 65504
        return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


def same(left, right):
    """Equal dtype, shape and bits."""
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


def files(path: Path) -> dict:
    """Every file below `path` with its bytes."""
    return {p.relative_to(path): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def commit_records(path: Path) -> int:
    """Commit records in the log of the store at `path`, which has one log: docs/format.md."""
    (log,) = [p.read_bytes() for p in path.glob("log.*")]
    commits = at = 0
    while at + 8 <= len(log):
        length, kind = struct.unpack_from("<II", log, at)
        if length == 0:  # behind the last record
            break
        commits += kind == 2
        at += length
    return commits


# The beginning of a program that must not be root, to whom permissions mean nothing. It ends with
# CANNOT_BE_ANOTHER_USER where there is nobody else to be.
CANNOT_BE_ANOTHER_USER = 77
AS_ANOTHER_USER = f"""
import os, sys
if os.geteuid() == 0:
    try:
        os.seteuid(65534)
    except OSError:
        sys.exit({CANNOT_BE_ANOTHER_USER})  # in a sandbox there may be no other user
    if not os.access(os.__file__, os.R_OK, effective_ids=True):
        sys.exit({CANNOT_BE_ANOTHER_USER})  # a Python in root's home folder
"""


def let_others_in(path: Path) -> None:
    """Opens `path` and the folders that pytest made above it, which are closed to others."""
    for folder in (path, *list(path.parents)[:3]):
        folder.chmod(0o755)


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs `code` in an interpreter of its own; the caller looks at the exit code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
