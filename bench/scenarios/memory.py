"""What the batch modes keep in memory: the specification's table, and a batch with a limit.

1, 3 and 100 arrays of 8 MB are changed in one batch and in one writable batch; and 100 of them in a
batch whose memory limit is 100 MB. Each is a process of its own, watched from outside; what counts
is anonymous memory, which the system cannot take back. Results are checked. Needs Linux.
"""

import json
import pathlib
import sys
import tempfile

import measure
import numpy as np
import script

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
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="bench-") as folder:
        command = script.task_command(__file__, [folder, mode, count, limit])
        with measure.Worker(command, args.numpack_path) as worker:
            worker.expect("looping")
            before = measure.anonymous_bytes(worker.pid)
            worker.go_on()
            peak = worker.peak_until_done()
            worker.go_on()
            right = json.loads(worker.line())
    print(
        f"  {mode}, {count} arrays, limit {limit}: {(peak - before) / 1e6:.2f} MB", file=sys.stderr
    )
    return (peak - before) / 1e6, right


def main(argv=None):
    parser = script.parser(__doc__)
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 3, 100])
    args = parser.parse_args(argv)
    if args.task:
        _worker(*args.task)
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
    script.write_json(args, figures)
    return 0 if figures["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
