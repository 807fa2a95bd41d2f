"""What the batch modes keep in memory: the specification's table, and a batch with a limit.

1, 3 and 100 arrays of 8 MB are changed in one batch and in one writable batch; and 100 of them in a
batch whose memory limit is 100 MB. Each is a process of its own, watched from outside; what counts
is anonymous memory, which the system cannot take back. Results are checked. Needs Linux.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import measure
import numpy as np

_ELEMENTS = 2_000_000  # float32: 8 MB
_LIMIT = 100


def _values(i):
    return np.full(_ELEMENTS, i + 1, np.float32)


def _worker(folder, mode, count, limit):
    """In the process that is watched: says when it begins and when it is done."""
    import numpack

    with numpack.NumPack(pathlib.Path(folder) / "store.npk") as npk:
        for i in range(count):
            npk.save({f"array{i}": _values(i)})
        print("looping", flush=True)
        sys.stdin.readline()
        batch = npk.batch_mode(limit) if mode == "batch" else npk.writable_batch_mode()
        with batch:
            for i in range(count):
                array = (npk if mode == "batch" else batch).load(f"array{i}")
                array *= 2.0
                if mode == "batch":
                    npk.save({f"array{i}": array})
                del array
            print("done", flush=True)
            sys.stdin.readline()
        right = all(np.array_equal(npk.load(f"array{i}"), 2 * _values(i)) for i in range(count))
    print(json.dumps(bool(right)))


def _watch(args, mode, count, limit=None):
    """Megabytes of anonymous memory at the peak, less what there was before the block."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    if args.numpack_path:
        environment["PYTHONPATH"] = args.numpack_path
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="bench-") as folder:
        task = json.dumps([folder, mode, count, limit])
        with subprocess.Popen(
            [sys.executable, __file__, "--task", task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            process.stdout.readline()
            before = measure.anonymous_bytes(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
            peak = before
            os.set_blocking(process.stdout.fileno(), False)
            while process.poll() is None and not process.stdout.readline():
                peak = max(peak, measure.anonymous_bytes(process.pid) or 0)
                time.sleep(0.001)
            os.set_blocking(process.stdout.fileno(), True)
            peak = max(peak, measure.anonymous_bytes(process.pid) or 0)
            process.stdin.write("\n")
            process.stdin.flush()
            right = json.loads(process.stdout.readline())
    print(
        f"  {mode}, {count} arrays, limit {limit}: {(peak - before) / 1e6:.2f} MB", file=sys.stderr
    )
    return (peak - before) / 1e6, right


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 3, 100])
    parser.add_argument("--dir", type=pathlib.Path, help="where the stores go (a temporary folder)")
    parser.add_argument("--numpack-path", default="", help="folder that holds the package numpack")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.task:
        _worker(*json.loads(args.task))
        return 0
    rows, all_right = [], True
    for count in args.counts:
        row = {"count": count}
        for mode in ("batch", "writable"):
            row[f"{mode}_mb"], right = _watch(args, mode, count)
            all_right = all_right and right
        rows.append(row)
    count = max(args.counts)
    peak, right = _watch(args, "batch", count, _LIMIT)
    bar = _LIMIT + _ELEMENTS * 4 / 1e6
    limit = {"count": count, "limit_mb": _LIMIT, "peak_mb": peak, "bar_mb": bar}
    limit["met"] = peak <= bar
    figures = {"arrays": rows, "limit": limit, "verified": all_right and right}
    print(json.dumps(figures))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
