"""Long-running programs: descriptors, mappings and memory stay what they were."""

import gc
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from helpers import numbers
from numpack import NumPack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROUNDS = 100_000


def open_files():
    """The least of some looks: the thread that trims the buffer pool reads a file now and then."""
    counts = []
    for _ in range(5):
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
        time.sleep(0.01)
    return min(counts)


def usage():
    """Open files, mappings, and bytes in memory that are not shared with the page cache."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    anonymous = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return {
        "files": open_files(),
        "mappings": len(Path("/proc/self/maps").read_text().splitlines()),
        "bytes": int(anonymous.split()[1]) * 1024,
    }


def assert_steady(work, rounds=ROUNDS):
    """Runs ``work`` that often; what it uses after a tenth of the rounds must be enough."""
    for _ in range(rounds // 10):
        work()
    before = usage()
    for _ in range(rounds - rounds // 10):
        work()
    after = usage()
    assert after["files"] == before["files"]
    # The allocator maps and unmaps arenas as it likes.
    assert after["mappings"] <= before["mappings"] + 8
    # A leak of one reference a round would be 16 bytes or more; few rounds drown in a few pages.
    assert after["bytes"] <= before["bytes"] + max(rounds * 8, 64 << 10)


@pytest.fixture
def filled(npk):
    npk.save({"small": numbers(100), "large": numbers(100_000)})
    return npk


def test_loads(filled):
    assert_steady(lambda: filled.load("small"))


def test_loads_of_large_arrays(filled):
    assert_steady(lambda: filled.load("large"), 2_000)


def test_loads_of_pooled_memory(npk):
    npk.save({"larger": numbers(400_000)})
    assert_steady(lambda: npk.load("larger"), 2_000)


def test_rows(filled):
    lazy = filled.load("large", lazy=True)
    picked = np.random.default_rng(1).integers(0, 100_000, 5_000)

    def gather():
        lazy[picked]
        lazy[10:20]
        lazy[[1, 2, 3]]
        filled.getitem("large", picked)

    assert_steady(gather, 5_000)


def test_streams(filled):
    def stream():
        for _ in filled.stream_load("large", 30_000):
            pass
        for _ in filled.stream_load("large", 30_000, copy=False):
            pass

    assert_steady(stream, 3_000)


def test_lazy_arrays_without_mappings(tmp_path):
    with NumPack(tmp_path / "unmapped.npk", mappings=False) as npk:
        npk.save({"large": numbers(100_000)})

        def read():
            lazy = npk.load("large", lazy=True)
            lazy[5], lazy[[7, 8]], lazy.reshape(-1, 10)[1:3]
            np.asarray(lazy.reshape(10, -1))

        assert_steady(read, 1_000)


def test_repeated_loads_and_saves_of_a_batch(filled):
    with filled.batch_mode():
        array = filled.load("small")

        def again():
            filled.save({"small": filled.load("small")})

        assert_steady(again)
        assert filled.load("small") is array


def test_lazy_arrays(filled):
    assert_steady(lambda: filled.load("large", lazy=True)[5])


def test_failing_calls(filled):
    def fail():
        with pytest.raises(KeyError):
            filled.load("missing")

    assert_steady(fail, 20_000)


def test_saves(filled):
    array = numbers(100)
    assert_steady(lambda: filled.save({"small": array}))


def test_batches(filled):
    def batch():
        with filled.batch_mode():
            array = filled.load("small")
            array += 1
            filled.save({"small": array})

    assert_steady(batch)


def test_writable_batches(path):
    # A writable block waits for the disk: few of them.
    with NumPack(path) as npk:
        npk.save({"small": numbers(100), "large": numbers(100_000)})

        def block():
            with npk.writable_batch_mode() as wb:
                wb.load("large")[:10] += 1
                wb.load("small")[0] = 1

        assert_steady(block, 300)


def test_in_place_operators(filled):
    array = filled.load("large")
    other = np.ones_like(array)

    def update():
        nonlocal array
        array *= 1.0
        array += other
        array -= array[:1]

    assert_steady(update, 5_000)


def test_handles(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(100)})

    def open_and_close():
        with NumPack(path) as npk:
            npk.load("a")

    assert_steady(open_and_close, 2_000)
