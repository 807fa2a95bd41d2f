"""Counts what one small operation of the C++ library takes, and compares it with stored limits.

usage: count_per_operation.py PROGRAM [--check LIMITS | --write LIMITS] [--markdown FILE]

PROGRAM is //bench:hot_paths. Counted are instructions (by valgrind's callgrind), calls of operator
new, and system calls (by strace, where it is there). Each is the difference of two runs, divided by
the operations that the longer one does more, so that start and end cancel out.

Counts do not depend on the machine's speed or mood, nor on where the system puts things: valgrind
gives every run the same addresses. They do depend on the compiler and on the features of the
processor that valgrind shows (AVX2, no AVX-512), which is why --check leaves room: an operation
fails when it takes more than TOLERANCE above its limit, and one that has become as much cheaper is
named, so that its limit can be lowered.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 0.05
_FEW, _MANY = 50, 550
_COLUMNS = ("instructions", "allocations", "system calls")


def _run(program, tool, operation, count):
    """Standard output and standard error of a run in a store of its own."""
    with tempfile.TemporaryDirectory(prefix="count-") as folder:
        command = [*tool, program, operation, str(count), f"{folder}/store"]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {run.stderr.strip()[-1000:]}")
    return run.stdout, run.stderr


def _instructions(program, operation, count):
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    _, said = _run(program, tool, operation, count)
    return int(re.search(r"Collected : (\d+)", said)[1])


def _allocations(program, operation, count):
    out, _ = _run(program, [], operation, count)
    return int(out)


def _system_calls(program, operation, count):
    _, said = _run(program, ["strace", "-f", "-c", "-U", "calls,name"], operation, count)
    return int(re.search(r"^\s*(\d+)\s+total", said, re.MULTILINE)[1])


def count(program, operation):
    """{column: number per operation}."""
    counters = {"instructions": _instructions, "allocations": _allocations}
    if shutil.which("strace"):
        counters["system calls"] = _system_calls
    found = {}
    for name, counter in counters.items():
        few, many = (counter(program, operation, n) for n in (_FEW, _MANY))
        found[name] = (many - few) / (_MANY - _FEW)
    return found


def table(counts):
    """What was counted, as Markdown."""
    lines = ["| operation, 1 KB array | " + " | ".join(_COLUMNS) + " |", "|---|---:|---:|---:|"]
    for operation, found in counts.items():
        cells = [f"{found[c]:,.0f}" if c in found else "not counted" for c in _COLUMNS]
        lines.append(f"| {operation.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def read_limits(path):
    """{operation: instructions} of lines "operation instructions"; "#" begins a comment."""
    limits = {}
    for line in path.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            limits[words[0]] = int(words[1])
    return limits


def compare(counts, limits):
    """([what is wrong], [what could be lowered])."""
    wrong, lower = [], []
    for operation in sorted(set(counts) | set(limits)):
        if operation not in limits or operation not in counts:
            where = "limit" if operation in counts else "operation"
            wrong.append(f"{operation}: there is no such {where}")
            continue
        found, limit = counts[operation]["instructions"], limits[operation]
        text = f"{operation}: {found:,.0f} instructions, limit {limit:,}"
        if found > limit * (1 + TOLERANCE):
            wrong.append(text)
        elif found < limit * (1 - TOLERANCE):
            lower.append(text)
    return wrong, lower


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--check", type=pathlib.Path, help="a file of limits")
    parser.add_argument("--write", type=pathlib.Path, help="write the counts as new limits")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here too")
    args = parser.parse_args(argv)
    names = subprocess.run([args.program], capture_output=True, text=True, check=True).stdout
    counts = {operation: count(args.program, operation) for operation in names.split()}
    print(table(counts))
    if args.markdown:
        args.markdown.write_text(table(counts))
    if args.write:
        head = "# Instructions of one operation: bench/count_per_operation.py --write.\n"
        lines = [f"{name} {found['instructions']:.0f}\n" for name, found in counts.items()]
        args.write.write_text(head + "".join(lines))
    if not args.check:
        return 0
    wrong, lower = compare(counts, read_limits(args.check))
    for text in lower:
        print(f"cheaper than its limit, which can be lowered: {text}")
    for text in wrong:
        print(f"FAILED: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
