"""NumPack at work on scikit-learn's handwritten digits.

Stores the digits, updates them many times in normal mode, in batch mode and in writable batch mode,
appends new rows, opens the store again, and checks every result against the same steps in plain
NumPy. Prints the three modes side by side. The exit code is 1 when a check fails.

Needs scikit-learn for the data: pip install scikit-learn
"""

from __future__ import annotations

import argparse
import mmap
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

import numpack
from numpack import NumPack

FACTOR, OFFSET = np.float32(0.999), np.float32(0.01)
STORE = "digits.npk"
MODES = ("normal", "batch", "writable")


class VerificationError(Exception):
    """A stored array is not what NumPy says it should be."""


# --- Data


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """The images, shape (n, 8, 8), moved by some pixels; what leaves on one side is lost."""
    result = np.zeros_like(images)
    rows, columns = 8 - abs(down), 8 - abs(right)
    result[:, max(down, 0) :][:, :rows, max(right, 0) :][:, :, :columns] = images[
        :, max(-down, 0) :
    ][:, :rows, max(-right, 0) :][:, :, :columns]
    return result


def make_data(rows: int) -> dict[str, np.ndarray]:
    """Real digits, moved and jittered until there are `rows` of them.

    "pixels" float32 (rows, 64), "labels" int64 (rows,), "prototypes" float32 (10, 64): the mean
    image of each digit.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("the demo's data comes with scikit-learn: pip install scikit-learn")
    digits = load_digits()
    moves = [(down, right) for down in (0, 1, -1) for right in (0, 1, -1)]
    images = np.concatenate([shifted(digits.images, *move) for move in moves])
    labels = np.tile(digits.target, len(moves))

    random = np.random.default_rng(0)
    chosen = np.concatenate([np.arange(len(labels)), random.integers(0, len(labels), rows)])[:rows]
    pixels = images.reshape(-1, 64)[chosen].astype(np.float32)
    pixels *= random.uniform(0.9, 1.1, (rows, 1)).astype(np.float32)
    labels = labels[chosen]
    prototypes = np.stack([pixels[labels == digit].mean(axis=0) for digit in range(10)])
    return {"pixels": pixels, "labels": labels, "prototypes": prototypes}


# --- The job, once for each mode


def change(array: np.ndarray) -> None:
    """One update, in place."""
    array *= FACTOR
    array += OFFSET


def update_normal(npk: NumPack, name: str, rounds: Iterable[int]) -> None:
    for _ in rounds:
        array = npk.load(name)
        change(array)
        npk.save({name: array})


def update_batch(npk: NumPack, name: str, rounds: Iterable[int]) -> None:
    with npk.batch_mode():
        for _ in rounds:
            array = npk.load(name)
            change(array)
            npk.save({name: array})


def update_writable(npk: NumPack, name: str, rounds: Iterable[int]) -> None:
    with npk.writable_batch_mode() as wb:
        for _ in rounds:
            change(wb.load(name))


UPDATES: dict[str, Callable[[NumPack, str, Iterable[int]], None]] = {
    "normal": update_normal,
    "batch": update_batch,
    "writable": update_writable,
}


# --- Measuring and showing


class Progress:
    """A bar on standard error while that is a terminal; nothing otherwise."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, max(total, 1)
        self._shown = -1.0
        self._visible = sys.stderr.isatty()

    def rounds(self, what: str, count: int) -> Iterator[int]:
        """0 .. count-1, with the bar moving on."""
        for i in range(count):
            yield i
            self._done += 1
            # At most twenty times a second: what is measured here takes microseconds.
            if self._visible and time.perf_counter() - self._shown > 0.05:
                self._show(what)

    def _show(self, what: str) -> None:
        self._shown = time.perf_counter()
        width = max(10, min(40, shutil.get_terminal_size().columns - 40))
        filled = width * self._done // self._total
        bar = "#" * filled + "." * (width - filled)
        print(
            f"\r[{bar}] {100 * self._done // self._total:3d} % {what:<24}", end="", file=sys.stderr
        )

    def clear(self) -> None:
        if self._visible:
            print(
                "\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r",
                end="",
                file=sys.stderr,
            )


STATM = Path("/proc/self/statm")


def own_memory() -> int:
    """Bytes of this process's memory, mapped files left out. Linux only."""
    _, resident, shared, *_ = map(int, STATM.read_text().split())
    return (resident - shared) * mmap.PAGESIZE


def measure_peak(path: Path, mode: str) -> None:
    """Prints how far this process's own memory rises in some updates of "pixels"."""
    peak = 0
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.0005):
            peak = max(peak, own_memory() - start)

    with NumPack(path) as npk:
        start = own_memory()
        watcher = threading.Thread(target=watch)
        watcher.start()
        UPDATES[mode](npk, "pixels", range(5))
        over.set()
        watcher.join()
    print(peak)


def peak_memory(path: Path, mode: str) -> str:
    """The same, measured in a process of its own, for people; "-" where that cannot be measured."""
    if not STATM.exists():
        return "-"
    command = [sys.executable, __file__, "--directory", str(path.parent), "--measure-peak", mode]
    return size_text(int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def check(name: str, stored: np.ndarray, expected: np.ndarray) -> None:
    """Equal in dtype, shape and every bit."""
    if stored.dtype != expected.dtype or stored.shape != expected.shape:
        raise VerificationError(
            f"{name}: {stored.dtype} {stored.shape}, expected {expected.dtype} {expected.shape}"
        )
    if stored.tobytes() != expected.tobytes():
        wrong = int(np.count_nonzero(stored != expected))
        raise VerificationError(f"{name}: {wrong} of {expected.size} elements differ from NumPy's")


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def table(rows: list[list[str]]) -> str:
    """Columns of equal width, the first one left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


# --- The whole


def compare_modes(path: Path, data: dict[str, np.ndarray], repeats: dict[str, int]) -> str:
    """Runs that many updates in each of the three modes, checks them, and returns the table."""
    progress = Progress(len(MODES) * sum(repeats.values()))
    try:
        return compare_modes_showing(progress, path, data, repeats)
    finally:
        progress.clear()


def compare_modes_showing(
    progress: Progress, path: Path, data: dict[str, np.ndarray], repeats: dict[str, int]
) -> str:
    rows = [["", *MODES]]
    peaks = ["peak memory, pixels"]
    for name, repeat in repeats.items():
        expected = data[name].copy()
        for _ in range(repeat):
            change(expected)
        seconds = []
        for mode in MODES:
            what = f"{name}, {mode} mode"
            with NumPack(path) as npk:
                npk.save({name: data[name]})
                start = time.perf_counter()
                UPDATES[mode](npk, name, progress.rounds(what, repeat))
                seconds.append(time.perf_counter() - start)
            with NumPack(path) as npk:
                check(what, npk.load(name), expected)
            if name == "pixels":
                peaks.append(peak_memory(path, mode))
        label = f"{name}, {size_text(data[name].nbytes)} x {repeat}"
        times = [f"{1000 * s:.1f} ms ({seconds[0] / s:.1f}x)" for s in seconds]
        rows.append([label, *times])
    return table([*rows, peaks])


def grow_and_reopen(path: Path, data: dict[str, np.ndarray]) -> int:
    """Appends, replaces and drops rows in a batch, opens the store again, and checks it all."""
    new = {name: data[name][:500] for name in ("pixels", "labels")}
    random = np.random.default_rng(1)
    rows = random.permutation(len(data["labels"]))[:100]
    expected = {name: data[name].copy() for name in data}
    expected["pixels"] *= 2
    for name in new:
        expected[name] = np.concatenate([expected[name], new[name]])
        expected[name][rows] = new[name][:100]
        expected[name] = np.delete(expected[name], rows[:10], axis=0)

    with NumPack(path) as npk:
        npk.save(data)
        with npk.batch_mode():
            pixels = npk.load("pixels")
            pixels *= 2
            npk.save({"pixels": pixels})
            npk.append(new)
            npk.replace({name: new[name][:100] for name in new}, rows)
            npk.drop(list(new), rows[:10])
    with NumPack(path) as npk:
        for name, array in expected.items():
            check(f"{name} after opening again", npk.load(name), array)
            check(f"{name}, lazy", np.asarray(npk.load(name, lazy=True)), array)
        picked = random.integers(0, len(expected["pixels"]), 50)
        check("picked rows", npk.getitem("pixels", picked), expected["pixels"][picked])
    return len(expected["labels"])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeat", type=int, default=100, help="updates per mode (default: 100)")
    parser.add_argument("--rows", type=int, default=50_000, help="digits (default: 50000)")
    parser.add_argument(
        "--directory",
        type=Path,
        help="where to make the store digits.npk, which stays (default: temporary)",
    )
    # What the demo starts itself with.
    parser.add_argument("--measure-peak", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeat < 1 or arguments.rows < 2000:
        parser.error("--repeat must be at least 1, --rows at least 2000")
    return arguments


def run(arguments: argparse.Namespace, directory: Path) -> None:
    path = directory / STORE
    with NumPack(path, drop_if_exists=True):
        pass
    data = make_data(arguments.rows)
    print(f"NumPack {numpack.__version__}, NumPy {np.__version__}; store: {path}")
    print(
        f"{len(data['labels'])} handwritten digits, {size_text(data['pixels'].nbytes)} of pixels\n"
    )

    # The small array shows what a call costs, so it takes more calls.
    repeats = {"prototypes": 10 * arguments.repeat, "pixels": arguments.repeat}
    result = compare_modes(path, data, repeats)
    print(f"time of the updates, and the speed-up over normal mode\n\n{result}\n")
    rows = grow_and_reopen(path, data)
    print(f"appended, replaced and dropped rows in one commit, opened again: {rows} digits")
    print("every array equals NumPy's, bit for bit")


def main() -> int:
    arguments = parse_arguments()
    if arguments.measure_peak:
        measure_peak(arguments.directory / STORE, arguments.measure_peak)
        return 0
    try:
        if arguments.directory is not None:
            arguments.directory.mkdir(parents=True, exist_ok=True)
            run(arguments, arguments.directory)
        else:
            with tempfile.TemporaryDirectory() as directory:
                run(arguments, Path(directory))
    except VerificationError as error:
        print(f"VERIFICATION FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
