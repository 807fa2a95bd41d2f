"""What single calls cost: of the package, of NumPack 0.7, and of what one would take instead.

Every (system, round) is a process of its own; rounds go through the systems one after another, so
that a slow minute of the machine hits all of them alike. Every process checks what its calls
return. Small calls are given without the empty loop around them. Exits non-zero when a result is
wrong.
"""

import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import script

_SEED = 8
_BIG = (1_000_000, 10)  # float32: 40 MB

# What is compared, ours first: (title, call, reference system, reference call, bar).
COMPARISONS = (
    ("load of a cached 1 KB array in batch mode", "batch load", "0.7", "batch load", 0.5),
    ("save of it", "batch save", "0.7", "batch save", 0.5),
    ("lazy.shape", "lazy shape", "0.7", "lazy shape", 0.5),
    ("len(lazy)", "lazy len", "0.7", "lazy len", 1.0),
    ("lazy[5]", "lazy row", "0.7", "lazy row", 1.0),
    ("load(lazy=True) of an open store", "lazy open", "0.7", "lazy open", 1.0),
    ("load, 8 MB", "load 8 MB", "0.7", "load 8 MB", 1.0),
    ("load, 40 MB", "load 40 MB", "NumPy", "load 40 MB", 0.5),
    ("100 rows of 1M x 10", "100 rows", "NumPy", "100 rows", 1.3),
    ("10,000 rows of 1M x 10", "10000 rows", "NumPy", "10000 rows", 0.8),
    ("a mask of 1 % of 1M rows", "mask", "NumPy", "mask", 0.8),
    ("a slice of 100,000 rows", "slice", "NumPy", "slice", 1.0),
)
# Without the loop: below this many nanoseconds it would blur the comparison.
_SMALL = ("batch load", "batch save", "lazy shape", "lazy len", "lazy row", "lazy open")


def _best(call, count, rounds=7):
    """Nanoseconds of one call: the least of several rounds of `count`."""
    least = float("inf")
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(count):
            call()
        least = min(least, (time.perf_counter_ns() - start) / count)
    return least


def _check(condition, what):
    if not condition:
        raise SystemExit(f"wrong result: {what}")


def _data():
    big = np.random.default_rng(_SEED).random(_BIG, dtype=np.float32)
    random = np.random.default_rng(_SEED + 1)
    rows = {100: random.integers(0, _BIG[0], 100), 10_000: random.integers(0, _BIG[0], 10_000)}
    return big, rows, random.random(_BIG[0]) < 0.01


class _Held:
    """Calls a loader and keeps its result until the next one is there, as programs do."""

    def __init__(self, load):
        self.load = load
        self.array = None

    def __call__(self):
        self.array = self.load()


def measure_numpack(folder):
    from numpack import NumPack, __version__

    old = __version__.startswith("0.7.")
    times = {}
    big, rows, mask = _data()
    small = np.arange(256, dtype=np.float32)
    with NumPack(pathlib.Path(folder, "s.npk")) as npk:
        npk.save({"small": small, "middling": big[:200_000], "big": big})
        with npk.batch_mode():
            first = npk.load("small")
            _check(npk.load("small") is first and np.array_equal(first, small), "batch load")
            times["batch load"] = _best(lambda: npk.load("small"), 20_000)
            arrays = {"small": first}
            times["batch save"] = _best(lambda: npk.save(arrays), 20_000)
            first += 1
            npk.save(arrays)
        _check(np.array_equal(npk.load("small"), small + 1), "batch save")

        lazy = npk.load("small", lazy=True)
        _check(lazy.shape == (256,) and len(lazy) == 256, "lazy shape")
        times["lazy shape"] = _best(lambda: lazy.shape, 20_000)
        times["lazy len"] = _best(lambda: len(lazy), 20_000)
        _check(lazy[5].tolist() == [6.0], "lazy row")
        times["lazy row"] = _best(lambda: lazy[5], 20_000)
        times["lazy open"] = _best(lambda: npk.load("small", lazy=True), 2_000)
        times["empty loop"] = _best(lambda: None, 20_000)

        for name, key, count in (("load 8 MB", "middling", 30), ("load 40 MB", "big", 10)):
            held = _Held(lambda key=key: npk.load(key))
            held()
            times[name] = _best(held, count, 5)
            _check(np.array_equal(held.array, big[: len(held.array)]), name)

        lazy = npk.load("big", lazy=True)
        for number, picked in rows.items():
            # 0.7's getitem is the quicker one of its two ways; ours are alike.
            pick = (lambda p=picked: npk.getitem("big", p)) if old else (lambda p=picked: lazy[p])
            _check(np.array_equal(pick(), big[picked]), f"{number} rows")
            times[f"{number} rows"] = _best(pick, 5 if old and number > 1000 else 200)
        if not old:  # where it takes seconds
            _check(np.array_equal(lazy[mask], big[mask]), "mask")
            times["mask"] = _best(lambda: lazy[mask], 20)
        _check(np.array_equal(lazy[5_000:105_000], big[5_000:105_000]), "slice")
        times["slice"] = _best(lambda: lazy[5_000:105_000], 10)
    return __version__, times


def measure_numpy(folder):
    times = {}
    big, rows, mask = _data()
    file = pathlib.Path(folder, "big.npy")
    np.save(file, big)
    held = _Held(lambda: np.load(file))
    held()
    times["load 40 MB"] = _best(held, 10, 5)
    _check(np.array_equal(held.array, big), "np.load")
    mapped = np.load(file, mmap_mode="r")
    for number, picked in rows.items():
        _check(np.array_equal(mapped[picked], big[picked]), "memmap")
        times[f"{number} rows"] = _best(lambda p=picked: mapped[p], 200)
    times["mask"] = _best(lambda: mapped[mask], 20)
    times["slice"] = _best(lambda: mapped[5_000:105_000].copy(), 10)
    return np.__version__, times


def _as_worker(kind, place):
    measure = measure_numpy if kind == "numpy" else measure_numpack
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as folder:
        version, times = measure(folder)
    return {"version": version, "times": times}


def _net(times, call):
    return times[call] - (times["empty loop"] if call in _SMALL else 0)


def _text(nanoseconds):
    if nanoseconds < 10_000:
        return f"{nanoseconds:,.0f} ns"
    return f"{nanoseconds / 1e3:,.0f} us" if nanoseconds < 1e7 else f"{nanoseconds / 1e6:,.1f} ms"


def table(least):
    """A Markdown table from {system: {call: nanoseconds}}."""
    lines = ["| call | ours | reference | ratio | bar |", "|---|---|---|---|---|"]
    for title, call, system, reference, bar in COMPARISONS:
        ours = _net(least["ours"], call)
        if reference not in least.get(system, {}):
            lines.append(f"| {title} | {_text(ours)} | {system}: skipped | | {bar} |")
            continue
        theirs = _net(least[system], reference)
        verdict = "" if ours <= bar * theirs else " (not met)"
        lines.append(
            f"| {title} | {_text(ours)} | {system}: {_text(theirs)} | {ours / theirs:.2f} "
            f"| {bar}{verdict} |"
        )
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = script.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    script.add_numpack07(parser)
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here too")
    args = parser.parse_args(argv)
    if args.task:
        print(json.dumps(_as_worker(*args.task)))
        return 0
    systems = {
        "ours": (sys.executable, "numpack", args.numpack_path),
        "NumPy": (sys.executable, "numpy", ""),
    }
    if args.numpack07_python:
        systems["0.7"] = (args.numpack07_python, "numpack", "")
    else:
        print("NumPack 0.7 is skipped: neither --numpack07-python nor $NUMPACK07_PYTHON is set")
    rounds = {name: [] for name in systems}
    for _ in range(args.rounds):
        for name, (python, kind, python_path) in systems.items():
            task = [kind, args.dir and str(args.dir)]
            command = script.task_command(__file__, task, python)
            rounds[name].append(script.result(command, python_path))
    found = rounds.get("0.7", [{"version": "0.7."}])[0]["version"]
    if not found.startswith("0.7."):
        raise SystemExit(f"--numpack07-python has NumPack {found}")
    least = {
        name: {call: min(r["times"][call] for r in results) for call in results[0]["times"]}
        for name, results in rounds.items()
    }
    text = table(least)
    print(text)
    if args.markdown:
        args.markdown.write_text(text)
    script.write_json(args, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
