"""Arrays larger than memory, with a ceiling imposed on the process. Two questions:

1. An array of 800 MB where a process may have 400 MB of its own memory (RLIMIT_DATA): which modes
   can change it?
2. An array of four times the memory of a control group, updated part by part in writable mode: how
   fast is that against only writing as many bytes to a file, under the same ceiling? Both end with
   the bytes on the disk. Needs Linux and the right to make control groups.

Every process is a new one, rounds alternate, results are checked. Exits non-zero when one is wrong.
"""

import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import script

BAR = 0.5  # of the speed of writing
_MODES = ("normal", "batch", "writable")
_FACTOR = np.float32(1.5)
_GROUP = "numpack-bench"
_ROW = 1_000  # float32: 4 KB


def _values(rows, first=0):
    """Rows that differ from each other, made part by part."""
    return np.add.outer(np.arange(first, first + rows) % 1009, np.arange(_ROW) % 97).astype("f4")


def _parts(rows, size):
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]


def _fill(path, rows):
    from numpack import NumPack

    with NumPack(path) as npk:
        npk.save({"array": np.zeros((0, _ROW), np.float32)})
        for first, last in _parts(rows, 4_000):
            npk.append({"array": _values(last - first, first)})
        npk.flush()


def _holds(path, rows, factor):
    from numpack import NumPack

    with NumPack(path) as npk:
        lazy = npk.load("array", lazy=True)
        if lazy.shape != (rows, _ROW):
            return False
        return all(
            np.array_equal(lazy[first:last], _values(last - first, first) * factor)
            for first, last in _parts(rows, 4_000)
        )


# --- In the processes that are measured


def _change_all(path, mode):
    """Changes the whole array in one step; says whether the memory sufficed."""
    from numpack import NumPack

    with NumPack(path) as npk:
        try:
            if mode == "writable":
                with npk.writable_batch_mode() as batch:
                    array = batch.load("array")
                    array *= _FACTOR
            else:
                with npk.batch_mode() if mode == "batch" else contextlib.nullcontext():
                    array = npk.load("array")
                    array *= _FACTOR
                    npk.save({"array": array})
        except MemoryError as error:
            return {"done": False, "error": str(error)}
    return {"done": True}


def _change_parts(path, rows):
    from numpack import NumPack

    longest = 0.0
    with NumPack(path) as npk:
        start = time.perf_counter()
        with npk.writable_batch_mode() as batch:
            array = batch.load("array")
            for first, last in _parts(rows, 4_000):
                begun = time.perf_counter()
                array[first:last] *= _FACTOR
                longest = max(longest, time.perf_counter() - begun)
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "longest": longest}


def _write(path, rows):
    """As many bytes, over those of a file that is there."""
    part = np.ones((4_000, _ROW), np.float32)
    with pathlib.Path(path).open("r+b", buffering=0) as file:
        start = time.perf_counter()
        for first, last in _parts(rows, 4_000):
            file.write(part[: last - first])
        os.fdatasync(file.fileno())
        return {"seconds": time.perf_counter() - start}


def _as_worker(task):
    if "data_limit" in task:
        import resource

        limit = task["data_limit"]
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    work = {"change all": _change_all, "change parts": _change_parts, "write": _write}
    return work[task["work"]](*task["arguments"])


# --- Control groups


class _MemoryGroup:
    """A control group with a memory ceiling, of version 1 or 2; OSError where it cannot be made."""

    def __init__(self, limit):
        root = pathlib.Path("/sys/fs/cgroup")
        second = (root / "cgroup.controllers").exists()
        self._folder = (root if second else root / "memory") / _GROUP
        self._folder.mkdir(exist_ok=True)
        name = "memory.max" if second else "memory.limit_in_bytes"
        (self._folder / name).write_text(str(limit))

    def take_this_process(self):
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def _run(args, task, group=None):
    command = script.task_command(__file__, task)
    return script.result(command, args.numpack_path, group.take_this_process if group else None)


def _refused(args, folder):
    """{mode: whether it changed the array}, and whether the array then held what it should."""
    rows = args.megabytes * 1_000_000 // (_ROW * 4)
    found, right = {}, True
    for mode in _MODES:
        path = str(folder / f"{mode}.npk")
        _fill(path, rows)
        task = {"work": "change all", "arguments": [path, mode]}
        result = _run(args, {**task, "data_limit": args.megabytes * 500_000})
        found[mode] = result["done"]
        right = right and _holds(path, rows, _FACTOR if result["done"] else np.float32(1))
        for file in pathlib.Path(path).iterdir():
            file.unlink()
    return found, right


def _four_times(args, folder, group):
    rows = 4 * args.ceiling_megabytes * 1_000_000 // (_ROW * 4)
    path, plain = str(folder / "store.npk"), folder / "plain"
    _fill(path, rows)
    with plain.open("wb") as file:
        for first, last in _parts(rows, 4_000):
            file.write(_values(last - first, first))
    works = {"write": [str(plain), rows], "change parts": [path, rows]}
    results = {work: [] for work in works}
    for number in range(args.rounds):
        for work in list(works) if number % 2 == 0 else reversed(works):
            os.sync()
            task = {"work": work, "arguments": works[work]}
            results[work].append(_run(args, task, group))
            print(
                f"  round {number + 1}/{args.rounds}  {work}  {results[work][-1]}", file=sys.stderr
            )
    right = _holds(path, rows, _FACTOR ** np.float32(args.rounds))
    return results, right


def main(argv=None):
    parser = script.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=800, help="of the array that is refused")
    parser.add_argument("--ceiling-megabytes", type=int, default=256, help="of the control group")
    args = parser.parse_args(argv)
    if args.task:
        print(json.dumps(_as_worker(args.task)))
        return 0
    if args.numpack_path:
        sys.path.insert(0, args.numpack_path)
    figures = {"skipped": []}
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="bench-") as name:
        folder = pathlib.Path(name)
        figures["changed"], right = _refused(args, folder)
        for mode, done in figures["changed"].items():
            verdict = "changed" if done else "refused: MemoryError, nothing lost"
            print(f"{args.megabytes} MB with half of that as memory, {mode} mode: {verdict}")
        try:
            group = _MemoryGroup(args.ceiling_megabytes * 1_000_000)
        except OSError as error:
            figures["skipped"].append(f"no control group can be made here: {error}")
            print(f"skipped: {figures['skipped'][0]}")
        else:
            results, right_too = _four_times(args, folder, group)
            group.remove()
            right = right and right_too
            figures["runs"] = results
            seconds = {w: statistics.median(r["seconds"] for r in results[w]) for w in results}
            figures["of_write_speed"] = seconds["write"] / seconds["change parts"]
            figures["met"] = figures["of_write_speed"] >= BAR
            figures["bar"] = BAR
            longest = max(r["longest"] for r in results["change parts"]) * 1e3
            print(
                f"array of 4 x {args.ceiling_megabytes} MB under a ceiling of "
                f"{args.ceiling_megabytes} MB, part by part: {figures['of_write_speed']:.2f} of "
                f"the speed of writing it, longest part {longest:.0f} ms; bar {BAR} "
                f"{'met' if figures['met'] else 'NOT met'}"
            )
    figures["verified"] = bool(right)
    script.write_json(args, figures)
    if not right:
        print("WRONG RESULT")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
