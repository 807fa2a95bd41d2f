"""Updates in place: arrays of a store beside NumPy's own loops on ordinary memory.

Both stand in one process and take turns, call by call, so that both meet the machine in the same
mood. Ours are views of a writable batch; NumPy's are arrays of its own memory, of the same values,
which afterwards must be equal bit for bit. Ratios are those of medians: ours / NumPy's.

    scale       arr *= number, float32, by size, with one thread and with two
    operators   every in-place operator that kernels take over, by dtype, in cache, one thread
    chain       InPlace with three operations beside the three operators, ours too
    busy        two threads beside one while other processes keep all processors busy
"""

import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import script

# (size in bytes, largest ratio with two threads)
SCALE = ((1_000, 1.05), (8_000_000, 0.65), (40_000_000, 0.65), (400_000_000, 0.8))
CHAIN_BAR = 0.45
BUSY_BAR = 1.10
_IN_CACHE = 256 * 1024
_FACTOR = 1.0000001

_FLOATS = ("float32", "float64")
_INTEGERS = ("uint8", "int16", "int32", "int64")
# operator -> (the other operand, dtypes); operands keep the elements within their range.
OPERATORS = {
    "+=": (1, (*_FLOATS, *_INTEGERS, "complex64", "complex128")),
    "-=": (1, (*_FLOATS, *_INTEGERS, "complex64", "complex128")),
    "*=": (1, (*_FLOATS, *_INTEGERS)),
    "/=": (1, _FLOATS),
    "//=": (3, _INTEGERS),
    "%=": (100, _INTEGERS),
    "&=": (0x7F, _INTEGERS),
    "|=": (1, _INTEGERS),
    "^=": (5, _INTEGERS),
    "<<=": (1, _INTEGERS),
    ">>=": (1, _INTEGERS),
    "**=": (2, _INTEGERS),
}


def _statement(operator):
    """A function that runs `array operator operand`."""
    scope = {}
    exec(f"def update(array, operand):\n    array {operator} operand\n", scope)
    return scope["update"]


def _nanoseconds(function, *args):
    start = time.perf_counter_ns()
    function(*args)
    return time.perf_counter_ns() - start


def _take_turns(first, second, rounds):
    """Medians of both, in nanoseconds."""
    times = [], []
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            times[which].append(_nanoseconds(second if which else first))
    return [statistics.median(found[1:]) for found in times]


def _rounds(nbytes):
    """About a gigabyte, but enough for a median."""
    return int(min(max(1_000_000_000 // nbytes, 15), 2_000))


def _values(dtype, count):
    return (np.arange(count) % 7 + 1).astype(dtype)


class _Store:
    """Arrays of writable batches, in a store of its own."""

    def __init__(self, folder):
        import numpack

        self._npk = numpack.NumPack(pathlib.Path(folder) / "store.npk")
        self._npk.open()

    @contextlib.contextmanager
    def pair(self, values):
        """(ours, NumPy's), of these values."""
        self._npk.save({"array": values})
        with self._npk.writable_batch_mode() as batch:
            yield batch.load("array"), values.copy()


def _row(what, case, threads, times, bar, verified):
    ours, reference = times
    return {
        "what": what,
        "case": case,
        "threads": threads,
        "ours_ns": ours,
        "reference_ns": reference,
        "ratio": ours / reference,
        "bar": bar,
        "verified": bool(verified),
    }


def scale(store, sizes):
    import numpack

    rows = []
    for nbytes, bar in sizes:
        for threads in (1, 2):
            numpack.set_threads(threads)
            repeats = max(1, 100_000 // nbytes)
            with store.pair(_values("float32", nbytes // 4)) as (ours, plain):

                def update(array, repeats=repeats):
                    for _ in range(repeats):
                        array *= _FACTOR

                times = _take_turns(
                    lambda ours=ours: update(ours),
                    lambda plain=plain: update(plain),
                    _rounds(nbytes),
                )
                right = np.array_equal(ours, plain)
            times = [time / repeats for time in times]
            its_bar = bar if threads == 2 else None
            rows.append(_row("scale", f"{nbytes / 1e6:g} MB", threads, times, its_bar, right))
    return rows


def operators(store):
    import numpack

    numpack.set_threads(1)
    rows = []
    for operator, (operand, dtypes) in OPERATORS.items():
        update = _statement(operator)
        for dtype in dtypes:
            count = _IN_CACHE // np.dtype(dtype).itemsize
            for kind in ("number", "array"):
                if kind == "array" and operator == "**=":
                    continue
                other = operand if kind == "number" else np.full(count, operand, dtype)
                with store.pair(_values(dtype, count)) as (ours, plain):
                    times = _take_turns(
                        lambda a=ours, b=other, u=update: u(a, b),
                        lambda a=plain, b=other, u=update: u(a, b),
                        400,
                    )
                    right = np.array_equal(ours, plain)
                rows.append(_row("operators", f"{dtype} {operator} {kind}", 1, times, 1.0, right))
    return rows


def chain(store, nbytes):
    """Here the second contender is not NumPy but our own three operators."""
    import numpack

    rows = []
    for threads in (1, 2):
        numpack.set_threads(threads)
        with store.pair(_values("float32", nbytes // 4)) as (ours, _):
            twin = ours.copy()
            whole = numpack.InPlace(ours).multiply(1.25).add(2).multiply(0.5)
            steps = [numpack.InPlace(twin).multiply(1.25), numpack.InPlace(twin).add(2)]
            steps.append(numpack.InPlace(twin).multiply(0.5))
            times = _take_turns(
                whole.run, lambda steps=steps: [step.run() for step in steps], _rounds(nbytes)
            )
            right = np.array_equal(ours, twin)
        case = f"3 operations, {nbytes / 1e6:g} MB"
        rows.append(_row("chain", case, threads, times, CHAIN_BAR, right))
    return rows


def busy(store, nbytes):
    """Two threads (as ours) beside one (as the reference), while every processor has work."""
    import numpack

    spinners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        with store.pair(_values("float32", nbytes // 4)) as (ours, plain):

            def update(threads):
                numpack.set_threads(threads)
                array = ours
                array *= _FACTOR

            rounds = _rounds(nbytes)
            times = _take_turns(lambda: update(2), lambda: update(1), rounds)
            for _ in range(2 * (rounds + 1)):
                plain *= _FACTOR
            right = np.array_equal(ours, plain)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    return [_row("busy", f"2 threads / 1, {nbytes / 1e6:g} MB", 2, times, BUSY_BAR, right)]


def table(rows):
    lines = [
        "| updates in place | threads | ours | reference | ratio | bar |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        bar = "" if row["bar"] is None else f"{row['bar']}"
        if row["bar"] is not None:
            bar += " met" if row["ratio"] <= row["bar"] else " **not met**"
        wrong = "" if row["verified"] else " **WRONG**"
        lines.append(
            f"| {row['what']}: {row['case']} | {row['threads']} | {row['ours_ns'] / 1e3:.4g} us "
            f"| {row['reference_ns'] / 1e3:.4g} us | {row['ratio']:.2f} | {bar}{wrong} |"
        )
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = script.parser(__doc__)
    parser.add_argument("--tiny", action="store_true", help="only shows that everything works")
    args = parser.parse_args(argv)
    if args.numpack_path:
        sys.path.insert(0, args.numpack_path)
    large = 1_000_000 if args.tiny else 40_000_000
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="bench-") as folder:
        store = _Store(folder)
        rows = scale(store, SCALE[:2] if args.tiny else SCALE)
        rows += operators(store)
        rows += chain(store, large)
        rows += busy(store, large)
    print(table(rows))
    script.write_json(args, {"numpy": np.__version__, "rows": rows})
    return 0 if all(row["verified"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
